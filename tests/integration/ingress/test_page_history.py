"""The page's plots in a real browser: filled from the past, over a chosen range, with gaps where nobody knows."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from services.contracts.history import HistoryAnswered, HistoryStep
from services.contracts.stamp import text_of
from services.ingress.adapters.http_history import history_document
from services.ingress.core.history import RANGES
from tests.integration.ingress.ingress_process import IngressProcess
from tests.integration.ingress.test_page_in_a_browser import SCREENSHOTS
from tests.unit.overview.pulses import TOTALS, Watched, dispatcher, ingress, ledger

NOW = datetime(2026, 11, 22, 11, 17, 43, tzinfo=UTC)
UNTIL = NOW.replace(second=40)
NOT_KNOWN = HistoryStep(None, None, None, None, None, None, None)
WORDS = {"5m": "5 minutes", "15m": "15 minutes", "1h": "hour", "6h": "6 hours", "24h": "24 hours"}


def known(number: int, troubles: int = 0) -> HistoryStep:
    """Return a step in which everything is known."""
    return HistoryStep(200.0 + number % 7, 190.0 + number % 5, 1.5, 9.5, number % 9, 100_000 + number, troubles)


class Told:
    """A page that is told what the test says, and what it asked of the past."""

    def __init__(self, browser: Browser, url: str, path: str = "", **how: Any) -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.steps: list[HistoryStep] | None = None  # None: all are known
        self.refusal: str | None = None
        self.events: list[dict[str, Any]] = []
        self._url = f"{url}/{path}"
        self.page: Page = browser.new_page(**how)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route("**/history?*", self._history)
        self.page.route("**/events", self._events)

    def open(self) -> "Told":
        """Look at it."""
        self.page.goto(self._url)
        return self

    def label(self, title: str) -> str:
        """Return what a plot says to who cannot see it."""
        return self.page.get_by_role("img", name=re.compile(title)).get_attribute("aria-label") or ""

    def curve(self, title: str) -> str:
        """Return the first curve of a plot, as it is drawn."""
        plot = self.page.get_by_role("img", name=re.compile(title))
        return plot.locator("path.curve").first.get_attribute("d") or ""

    def _history(self, route: Route) -> None:
        [name] = parse_qs(urlsplit(route.request.url).query)["range"]
        self.asked.append(name)
        if self.refusal is not None:
            route.fulfill(status=503, json={"error": "ledger_away", "detail": self.refusal})
            return
        asked = RANGES[name]
        steps = [known(number) for number in range(asked.steps)] if self.steps is None else self.steps
        route.fulfill(json=history_document(HistoryAnswered(UNTIL, asked.step_s, tuple(steps))))

    def _events(self, route: Route) -> None:
        body = "".join(f"event: vitals\ndata: {orjson.dumps(each).decode()}\n\n" for each in self.events)
        route.fulfill(content_type="text/event-stream", body=f"retry: 600000\n\n{body}")


def document(after_s: float = 0.0, accepted: int = 10) -> dict[str, Any]:
    """Return a document so long after NOW."""
    watched = Watched()
    watched.second(ingress(0, 1.8), dispatcher(), ledger(TOTALS))
    told = watched.second(ingress(accepted, 1.8, 1.8), dispatcher(), ledger(TOTALS))
    return told | {"at": text_of(NOW + timedelta(seconds=after_s))}


@pytest.fixture
def told(browser: Browser, shared_ingress: IngressProcess) -> Iterator[Told]:
    """A page that was told one document, and is not open yet."""
    told = Told(browser, shared_ingress.url)
    told.events = [document()]
    yield told
    told.page.close()


def test_the_last_minutes_are_there_at_once(told: Told) -> None:
    """All four plots, from the past and what is live, without a seam."""
    told.open()
    for title, said in (
        ("Payments a second", "accepted now 10.0, at most 206; settled now"),
        ("Time of a POST", "p99 now 2.0, at most 9.5"),
        ("Waiting", "not settled yet now 0.0, at most 8.0"),
        ("Saved", "in all now"),
    ):
        plot = told.page.get_by_role("img", name=re.compile(f"{title}.* over the last 5 minutes"))
        expect(plot).to_have_attribute("aria-label", re.compile(said))
        assert "with gaps" not in told.label(title)
        assert told.curve(title).count("M") == 1
        assert told.curve(title).count("L") == 30
    assert (told.asked, told.complaints) == (["5m"], [])


def test_what_is_not_known_is_a_gap_and_said_so(told: Told) -> None:
    """No line through it, and never a zero; what stands alone is a dot."""
    told.steps = [known(n) if n in {3, 10, 11, 29} else NOT_KNOWN for n in range(30)]
    told.open()
    plot = told.page.get_by_role("img", name=re.compile("Waiting over the last"))
    expect(plot).to_have_attribute("aria-label", re.compile("not settled yet now 0.0, at most 3.0, with gaps"))
    assert told.curve("Waiting").count("M") == 3
    assert told.curve("Waiting").count("h0") == 3
    assert told.complaints == []


def test_when_something_was_wrong_is_behind_the_curves(told: Told) -> None:
    """Steps next to each other are one band."""
    told.steps = [known(n, troubles=int(n in {3, 4, 5, 20})) for n in range(30)]
    told.open()
    plot = told.page.get_by_role("img", name=re.compile("Waiting over the last"))
    expect(plot.locator("rect.band")).to_have_count(2)
    widths = [float(each.get_attribute("width") or "") for each in plot.locator("rect.band").all()]
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.01)


def test_a_range_is_chosen_by_keyboard_and_stays(told: Told) -> None:
    """The focus is seen, each range is asked for, the address says it, and after a reload it is shown again."""
    told.open()
    page = told.page
    ranges = page.get_by_role("group", name="How far back")
    expect(ranges.get_by_role("radio")).to_have_count(5)
    ranges.get_by_role("radio", name="5 min", exact=True).focus()
    for name in list(RANGES)[1:]:
        page.keyboard.press("ArrowRight")
        plot = page.get_by_role("img", name=re.compile(f"Payments a second over the last {WORDS[name]}"))
        expect(plot).to_have_attribute("aria-label", re.compile("accepted now 10.0, at most 206"))
        assert urlsplit(page.url).query == f"range={name}"
    outline = page.evaluate("getComputedStyle(document.activeElement.parentElement).outlineStyle")
    assert outline == "solid"
    page.reload()
    expect(ranges.get_by_role("radio", name="24 h", exact=True)).to_be_checked()
    expect(page.get_by_role("img", name=re.compile("over the last 24 hours"))).to_have_count(4)
    assert told.asked == [*RANGES, "24h"]
    assert told.complaints == []


def test_a_range_that_is_none_in_the_address_is_the_shortest(told: Told, shared_ingress: IngressProcess) -> None:
    """Whatever somebody wrote there."""
    told.open()
    told.page.goto(f"{shared_ingress.url}/?range=toString")
    expect(told.page.get_by_role("radio", name="5 min", exact=True)).to_be_checked()
    expect(told.page.get_by_role("img", name=re.compile("over the last 5 minutes"))).to_have_count(4)
    assert told.complaints == []


def test_without_the_past_the_page_says_so_and_goes_on(told: Told) -> None:
    """What is live is shown; a reader is told once why there is no more, and it is asked for again."""
    told.refusal = "the ledger did not answer: timeout"
    told.open()
    note = told.page.locator("#past")
    expect(note).to_contain_text("The past cannot be shown now (the ledger did not answer: timeout)")
    expect(note).to_have_attribute("role", "status")
    expect(told.page.get_by_role("img", name=re.compile("accepted now 10.0, at most 10.0"))).to_have_count(1)
    told.refusal = None
    expect(note).to_be_hidden(timeout=30_000)
    expect(told.page.get_by_role("img", name=re.compile("accepted now 10.0, at most 206"))).to_have_count(1)
    assert told.complaints == []


def test_a_wrong_clock_of_the_reader_moves_nothing(told: Told) -> None:
    """The service's own times are shown against the service's now."""
    told.page.clock.set_system_time(NOW + timedelta(days=2))
    told.open()
    plot = told.page.get_by_role("img", name=re.compile("Payments a second over the last"))
    expect(plot).to_have_attribute("aria-label", re.compile("accepted now 10.0, at most 206"))
    assert told.curve("Payments a second").count("L") == 30


def test_what_came_before_and_long_ago_is_not_in_the_range(told: Told) -> None:
    """A document of a clock that was ahead is taken out when time goes back."""
    told.events = [document(3_600.0), document(-200.0, accepted=77), document(1.0)]
    told.open()
    plot = told.page.get_by_role("img", name=re.compile("Payments a second over the last"))
    expect(plot).to_have_attribute("aria-label", re.compile("accepted now 10.0, at most 206"))


@pytest.mark.parametrize("width", [390, 1280])
def test_the_choice_fits_on_a_phone(told: Told, width: int) -> None:
    """Nothing is cut off or goes sideways, in the longest range too."""
    told.page.set_viewport_size({"width": width, "height": 844})
    told.steps = [NOT_KNOWN if 100 < n < 130 else known(n, troubles=int(n > 270)) for n in range(288)]
    told.open()
    told.page.locator("#range").get_by_text("24 h", exact=True).click()
    expect(told.page.get_by_role("img", name=re.compile("over the last 24 hours"))).to_have_count(4)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    told.page.screenshot(path=SCREENSHOTS / f"history-{width}.png", full_page=True)
    wide = told.page.evaluate(
        "[...document.querySelectorAll('html, main, .titled, #range, #range label, figure')]"
        ".filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert wide == []
    assert told.complaints == []
