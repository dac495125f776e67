"""The page's plots in a real browser: filled from the past, over a chosen range, with gaps where nothing is known."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from services.contracts.history import HistoryAnswered, HistoryStep
from services.contracts.stamp import micros_of, stamp_from_micros, text_of
from services.ingress.adapters.http_history import history_document
from services.ingress.core.history import RANGES
from services.ledger.core.history import edges_of
from tests.integration.ingress.ingress_process import IngressProcess
from tests.integration.ingress.test_page_in_a_browser import SCREENSHOTS
from tests.unit.overview.pulses import TOTALS, Watched, dispatcher, ingress, ledger

NOW = datetime(2026, 11, 22, 11, 17, 43, tzinfo=UTC)
UNTIL = NOW.replace(second=40)
Values = tuple[float | int | None, ...]  # of a step, without its time
NOT_KNOWN: Values = (None,) * 7
WORDS = {"5m": "5 minutes", "15m": "15 minutes", "1h": "hour", "6h": "6 hours", "24h": "24 hours"}


def known(number: int, troubles: int = 0) -> Values:
    """Return a step in which everything is known."""
    return 200.0 + number % 7, 190.0 + number % 5, 1.5, 9.5, number % 9, 100_000 + number, troubles


class Plots:
    """A page with the test's answers, and what it asked of the past."""

    def __init__(self, browser: Browser, url: str, path: str = "", **how: Any) -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.values: Callable[[int], Values] = known
        self.refusal: str | None = None
        self.events: list[dict[str, Any]] = []
        self._url = f"{url}/{path}"
        self.page: Page = browser.new_page(**how)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route("**/history?*", self._history)
        self.page.route("**/events", self._events)

    def open(self) -> "Plots":
        """Open the page."""
        self.page.goto(self._url)
        return self

    def label(self, title: str) -> str:
        """Return a plot's text for a screen reader."""
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
        since, *ends = map(stamp_from_micros, edges_of(micros_of(UNTIL), asked.step_s, asked.steps))
        steps = tuple(HistoryStep(end, *self.values(number)) for number, end in enumerate(ends))  # type: ignore[arg-type]
        route.fulfill(json=history_document(HistoryAnswered(since, asked.step_s, steps)))

    def _events(self, route: Route) -> None:
        body = "".join(f"event: vitals\ndata: {orjson.dumps(each).decode()}\n\n" for each in self.events)
        route.fulfill(content_type="text/event-stream", body=f"retry: 600000\n\n{body}")


def document(after_s: float = 0.0, accepted: int = 10) -> dict[str, Any]:
    """Return a document that long after NOW."""
    watched = Watched()
    watched.second(ingress(0, 1.8), dispatcher(), ledger(TOTALS))
    second = watched.second(ingress(accepted, 1.8, 1.8), dispatcher(), ledger(TOTALS))
    return second | {"at": text_of(NOW + timedelta(seconds=after_s))}


@pytest.fixture
def plots(browser: Browser, shared_ingress: IngressProcess) -> Iterator[Plots]:
    """A page whose stream has one document, not open yet."""
    plots = Plots(browser, shared_ingress.url)
    plots.events = [document()]
    yield plots
    plots.page.close()


def test_the_last_minutes_are_there_at_once(plots: Plots) -> None:
    """All four plots, from the past and from live documents, without a gap between."""
    plots.open()
    for title, said in (
        ("Payments a second", "accepted now 10.0, at most 206; settled now"),
        ("Time of a POST", "p99 now 2.0, at most 9.5"),
        ("Waiting", "not settled yet now 0.0, at most 8.0"),
        ("Saved", "in total now"),
    ):
        plot = plots.page.get_by_role("img", name=re.compile(f"{title}.* over the last 5 minutes"))
        expect(plot).to_have_attribute("aria-label", re.compile(said))
        assert "with gaps" not in plots.label(title)
        assert plots.curve(title).count("M") == 1
        assert plots.curve(title).count("L") == 30
    assert (plots.asked, plots.complaints) == (["5m"], [])


def test_the_first_live_documents_know_no_rates_yet_which_is_no_gap(plots: Plots) -> None:
    """A rate needs two pulses, and then covers ten seconds; one that is unknown later is a gap."""
    without = [document(second) for second in (0, 1, 4)]
    for each in without:
        each["payments"] = each["payments"] | {"acceptedPerS": None}
    plots.events = [*without[:2], document(2), document(3), without[2], document(5)]
    plots.open()
    plot = plots.page.get_by_role("img", name=re.compile("Payments a second over the last 5 minutes"))
    expect(plot).to_have_attribute("aria-label", re.compile("accepted now 10.0, at most 206, with gaps"))
    assert plots.curve("Payments a second").count("M") == 2
    assert plots.curve("Waiting").count("M") == 1


def test_what_is_not_known_is_a_gap_and_named_as_such(plots: Plots) -> None:
    """No line through it, and never a zero; a single point is a dot."""
    plots.values = lambda n: known(n) if n in {3, 10, 11, 29} else NOT_KNOWN
    plots.open()
    plot = plots.page.get_by_role("img", name=re.compile("Waiting over the last"))
    expect(plot).to_have_attribute("aria-label", re.compile("not settled yet now 0.0, at most 3.0, with gaps"))
    assert plots.curve("Waiting").count("M") == 3
    assert plots.curve("Waiting").count("h0") == 3
    assert plots.complaints == []


def test_times_with_troubles_are_marked_behind_the_curves(plots: Plots) -> None:
    """Adjacent steps are one band."""
    plots.values = lambda n: known(n, troubles=int(n in {3, 4, 5, 20}))
    plots.open()
    plot = plots.page.get_by_role("img", name=re.compile("Waiting over the last"))
    expect(plot.locator("rect.band")).to_have_count(2)
    widths = [float(each.get_attribute("width") or "") for each in plot.locator("rect.band").all()]
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.01)


def test_a_range_is_chosen_by_keyboard_and_stays(plots: Plots) -> None:
    """The focus is visible, each range is requested, the address has it, and after a reload it is shown again."""
    plots.open()
    page = plots.page
    ranges = page.get_by_role("group", name="Time range")
    expect(ranges.get_by_role("radio")).to_have_count(5)
    ranges.get_by_role("radio", name="5 min", exact=True).focus()
    for name in list(RANGES)[1:]:
        page.keyboard.press("ArrowRight")
        plot = page.get_by_role("img", name=re.compile(f"Payments a second over the last {WORDS[name]}"))
        expect(plot).to_have_attribute("aria-label", re.compile("accepted now 10.0, at most 206"))
        assert "with gaps" not in plots.label("Payments a second")
        assert urlsplit(page.url).query == f"range={name}"
    outline = page.evaluate("getComputedStyle(document.activeElement.parentElement).outlineStyle")
    assert outline == "solid"
    page.reload()
    expect(ranges.get_by_role("radio", name="24 h", exact=True)).to_be_checked()
    expect(page.get_by_role("img", name=re.compile("over the last 24 hours"))).to_have_count(4)
    assert plots.asked == [*RANGES, "24h"]
    assert plots.complaints == []


def test_an_unknown_range_in_the_address_is_the_shortest(plots: Plots, shared_ingress: IngressProcess) -> None:
    """Whatever the address has."""
    plots.open()
    plots.page.goto(f"{shared_ingress.url}/?range=toString")
    expect(plots.page.get_by_role("radio", name="5 min", exact=True)).to_be_checked()
    expect(plots.page.get_by_role("img", name=re.compile("over the last 5 minutes"))).to_have_count(4)
    assert plots.complaints == []


def test_without_the_past_the_page_shows_why_and_continues(plots: Plots) -> None:
    """Live values are shown, with one note why there is no more, and the past is requested again."""
    plots.refusal = "the ledger did not answer: timeout"
    plots.open()
    note = plots.page.locator("#past")
    expect(note).to_contain_text("The past cannot be shown now (the ledger did not answer: timeout)")
    expect(note).to_have_attribute("role", "status")
    expect(plots.page.get_by_role("img", name=re.compile("accepted now 10.0, at most 10.0"))).to_have_count(1)
    plots.refusal = None
    expect(note).to_be_hidden(timeout=30_000)
    expect(plots.page.get_by_role("img", name=re.compile("accepted now 10.0, at most 206"))).to_have_count(1)
    assert plots.complaints == []


def test_a_wrong_clock_of_the_reader_changes_nothing(plots: Plots) -> None:
    """The service's own times are shown relative to the service's now."""
    plots.page.clock.set_system_time(NOW + timedelta(days=2))
    plots.open()
    plot = plots.page.get_by_role("img", name=re.compile("Payments a second over the last"))
    expect(plot).to_have_attribute("aria-label", re.compile("accepted now 10.0, at most 206"))
    assert plots.curve("Payments a second").count("L") == 30


def test_what_is_older_than_the_range_is_not_shown(plots: Plots) -> None:
    """A document from a clock that was ahead is removed when time goes back."""
    plots.events = [document(3_600.0), document(-200.0, accepted=77), document(1.0)]
    plots.open()
    plot = plots.page.get_by_role("img", name=re.compile("Payments a second over the last"))
    expect(plot).to_have_attribute("aria-label", re.compile("accepted now 10.0, at most 206"))


@pytest.mark.parametrize("width", [390, 1280])
def test_the_choice_fits_on_a_phone(plots: Plots, width: int) -> None:
    """Nothing is cut off or scrolls sideways, in the longest range too."""
    plots.page.set_viewport_size({"width": width, "height": 844})
    plots.values = lambda n: NOT_KNOWN if 100 < n < 130 else known(n, troubles=int(n > 270))
    plots.open()
    plots.page.locator("#range").get_by_text("24 h", exact=True).click()
    expect(plots.page.get_by_role("img", name=re.compile("over the last 24 hours"))).to_have_count(4)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    plots.page.screenshot(path=SCREENSHOTS / f"history-{width}.png", full_page=True)
    wide = plots.page.evaluate(
        "[...document.querySelectorAll('html, main, .titled, #range, #range label, figure')]"
        ".filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert wide == []
    assert plots.complaints == []
