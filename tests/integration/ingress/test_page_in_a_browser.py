"""The operator's page in a real browser, told a document that no healthy stack would send."""

import orjson
from playwright.sync_api import Browser, Page, Route, expect

from services.contracts.summary import Totals
from tests.integration.ingress.ingress_process import IngressProcess
from tests.unit.ingress.pulses import TOTALS, Watched, dispatcher, ingress, ledger

UNKNOWN = "\N{EN DASH}"


def told(browser: Browser, ingress_process: IngressProcess, document: object) -> tuple[Page, list[str]]:
    """Open the page and have its stream say this document; return it, and what the browser complains of."""
    page, complaints = browser.new_page(), list[str]()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    event = f"event: vitals\ndata: {orjson.dumps(document).decode()}\n\n"

    def answer(route: Route) -> None:
        route.fulfill(content_type="text/event-stream", body=event)

    page.route("**/events", answer)
    page.goto(ingress_process.url)
    return page, complaints


def test_a_processor_that_is_not_configured_any_more_is_shown(browser: Browser, shared_ingress: IngressProcess) -> None:
    """With what was charged there; its fee is unknown, and so is what was paid and saved in all."""
    document = Watched().seconds(2, ingress(0), dispatcher(), ledger(TOTALS | {"gone": Totals(90, 100_000)}))
    page, complaints = told(browser, shared_ingress, document)
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
    expect(page.locator("#state")).to_have_text("All is well")
    assert complaints == []
    page.close()


def test_what_only_a_person_can_end_is_said_with_what_to_do(browser: Browser, shared_ingress: IngressProcess) -> None:
    """A message of PAYMENTS that cannot be read: nothing else would ever say so."""
    document = Watched().seconds(2, ingress(0), dispatcher(unreadable=1), ledger(TOTALS))
    page, complaints = told(browser, shared_ingress, document)
    expect(page.locator("#troubles li")).to_contain_text("nats stream rmm PAYMENTS SEQ")
    expect(page.locator("#state")).to_have_text("1 trouble")
    assert complaints == []
    page.close()
