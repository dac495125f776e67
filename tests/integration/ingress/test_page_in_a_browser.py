"""The operator's page in a real browser, with a document that no healthy stack would send."""

from pathlib import Path
from typing import Any, Literal

import orjson
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from services.contracts.summary import Totals
from services.overview.core.vitals import Backlog
from tests.integration.ingress.ingress_process import IngressProcess
from tests.unit.overview.pulses import TOTALS, Watched, dispatcher, ingress, ledger

SCREENSHOTS = Path(__file__).parents[3] / ".run" / "screenshots"
UNKNOWN = "\N{EN DASH}"


def opened(
    browser: Browser, ingress_process: IngressProcess, document: object, path: str = "", **how: Any
) -> tuple[Page, list[str]]:
    """Open the page with this document in its stream; return it, and the browser's errors.

    ``how``: as Playwright's new_page.
    """
    page, complaints = browser.new_page(**how), list[str]()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    event = f"event: vitals\ndata: {orjson.dumps(document).decode()}\n\n"

    def answer(route: Route) -> None:
        route.fulfill(content_type="text/event-stream", body=event)

    page.route("**/events", answer)
    page.goto(f"{ingress_process.url}/{path}")
    return page, complaints


def test_a_processor_that_is_no_longer_configured_is_shown(browser: Browser, shared_ingress: IngressProcess) -> None:
    """With what was charged there; its fee is unknown, and so are the total fees and the total saved."""
    document = Watched().seconds(2, ingress(0), dispatcher(), ledger(TOTALS | {"gone": Totals(90, 100_000)}))
    page, complaints = opened(browser, shared_ingress, document)
    card = page.locator("#processors article").filter(has=page.get_by_text("gone", exact=True))
    for path, text in (
        ("text condition", "unknown"),
        ("whole settled", "90"),
        ("money amount", "1,000.00"),
        ("percent share", "45 %"),
        ("percent fee", UNKNOWN),
        ("money feesPaid", UNKNOWN),
    ):
        expect(card.locator(f'[data-show="{path}"]')).to_have_text(text)
    for path, text in (("totals.settled", "200"), ("totals.feesPaid", UNKNOWN), ("totals.saved", UNKNOWN)):
        expect(page.locator(f'main > section [data-show$=" {path}"]')).to_have_text(text)
    expect(page.get_by_role("img", name="Saved over the last")).to_have_count(1)
    expect(page.locator("#state")).to_have_text("No problems")
    assert complaints == []
    page.close()


def test_what_only_a_person_can_fix_is_shown_with_what_to_do(browser: Browser, shared_ingress: IngressProcess) -> None:
    """A message of PAYMENTS that cannot be read: nothing else would ever report it."""
    document = Watched().seconds(2, ingress(0), dispatcher(unreadable=1), ledger(TOTALS))
    page, complaints = opened(browser, shared_ingress, document)
    expect(page.locator("#troubles li")).to_contain_text("nats stream rmm PAYMENTS SEQ")
    expect(page.locator("#state")).to_have_text("1 problem")
    assert complaints == []
    page.close()


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_sums_of_ten_digits_stay_in_their_cards(
    browser: Browser, shared_ingress: IngressProcess, width: int, look: Literal["light", "dark"]
) -> None:
    """On a phone and on a desktop: nothing is wider than its place, and the page does not scroll sideways."""
    large = {"default": Totals(9_876_543_210, 987_654_321_098), "fallback": Totals(9_876_543_210, 987_654_321_098)}
    document = Watched().seconds(2, ingress(0), dispatcher(), ledger(large), backlog=Backlog(1, 0.1, 9_876_543_210))
    page, complaints = opened(
        browser, shared_ingress, document, viewport={"width": width, "height": 844}, color_scheme=look
    )
    expect(page.locator("[data-show='money totals.amount']")).to_have_text("19,753,086,421.96")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"ten-digits-{width}-{look}.png", full_page=True)
    wide = page.evaluate(
        "[...document.querySelectorAll('html, main, .tile, .tile dd, article, article dl > div, article dd, footer')]"
        ".filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert wide == []
    small = page.evaluate(
        "Math.min(...[...document.querySelectorAll('dd')].map((one) => parseFloat(getComputedStyle(one).fontSize)))"
    )
    assert small >= 9  # and can still be read
    assert complaints == []
    page.close()


def test_a_processor_that_was_never_called_has_no_latency(browser: Browser, shared_ingress: IngressProcess) -> None:
    """A dash, and no unit after it."""
    document = Watched().seconds(2, ingress(0), dispatcher(), ledger(TOTALS))
    page, _ = opened(browser, shared_ingress, document)
    latencies = page.locator("#processors [data-show='took latencyMs']")
    expect(latencies).to_have_text(["12.3 ms", UNKNOWN])
    page.close()


def test_a_link_to_a_payment_scrolls_to_it_on_a_phone(browser: Browser, shared_ingress: IngressProcess) -> None:
    """What is looked up is in view, below all cards; a reader who then scrolls is not moved again."""
    document = Watched().seconds(2, ingress(0), dispatcher(), ledger(TOTALS))
    path = "#4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
    page, _ = opened(browser, shared_ingress, document, path, viewport={"width": 390, "height": 844})
    expect(page.locator("#life .verdict")).to_have_text("No such payment")
    expect(page.locator("#processors article")).to_have_count(2)
    expect(page.locator("#life .verdict")).to_be_in_viewport()
    page.mouse.wheel(0, -4_000)
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    page.close()


def test_times_have_their_zone(browser: Browser, shared_ingress: IngressProcess) -> None:
    """The reader's own."""
    document = Watched().seconds(2, ingress(0), dispatcher(), ledger(TOTALS))
    page, _ = opened(browser, shared_ingress, document, timezone_id="America/Sao_Paulo", locale="en-GB")
    expect(page.locator("#at")).to_have_text("09:30:00 GMT-3")
    page.close()


def test_the_footer_explains_share_and_saved(browser: Browser, shared_ingress: IngressProcess) -> None:
    """They are not terms of the field."""
    page, _ = opened(browser, shared_ingress, Watched().seconds(2, ingress(0), dispatcher(), ledger(TOTALS)))
    expect(page.get_by_role("contentinfo")).to_contain_text("Share is a processor's part of all settlements")
    expect(page.get_by_role("contentinfo")).to_contain_text("Saved is what the most expensive processor would")
    page.close()


def test_an_instance_that_answers_nothing_does_not_stop_the_page(page: Page, shared_ingress: IngressProcess) -> None:
    """After an error of the stream it is asked whether the key is still valid, and then the stream is opened again."""
    page.add_init_script("const real = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = () => real(50);")
    event = orjson.dumps(Watched().seconds(2, ingress(0), dispatcher(), ledger(TOTALS))).decode()
    answers = iter([{"status": 503}])

    def hold(route: Route) -> None:
        if route.request.method != "HEAD":
            route.fallback()

    page.route(f"{shared_ingress.url}/", hold)
    page.route(
        "**/events",
        lambda route: route.fulfill(
            content_type="text/event-stream", body=f"event: vitals\ndata: {event}\n\n", **next(answers, {})
        ),
    )
    page.goto(shared_ingress.url)
    expect(page.locator("#state")).to_have_text("No problems")
