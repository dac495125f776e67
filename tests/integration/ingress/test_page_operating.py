"""Pausing and resuming on the operator's page, with a stream and answers that the test makes up."""

from collections.abc import Callable  # noqa: TC003  # no second block of imports for one annotation
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from services.contracts.processor_entry import Pause
from services.contracts.pulse import ProcessorSeen
from services.contracts.summary import Totals
from tests.integration.ingress.ingress_process import IngressProcess
from tests.unit.overview.pulses import TOTALS, Watched, dispatcher, ingress, ledger

PAUSE = Pause("operations", "their incident 4711", datetime(2025, 7, 15, 12, 20, tzinfo=UTC))
MAY_NOT = "To pause or resume a processor, sign in with one that has the scope operate"


def document(paused: Pause | None = None, condition: str = "serving") -> dict[str, Any]:
    """Return a document with this state of default; a third processor is no longer configured."""
    default = ProcessorSeen(condition, 12.3, 3, 0, paused=paused)  # type: ignore[arg-type]
    seen = {"default": default, "fallback": ProcessorSeen("serving", 5.0, 0, 0)}
    totals = TOTALS | {"gone": Totals(1, 100)}
    return Watched().seconds(2, ingress(0), dispatcher(seen=seen), ledger(totals))


class Desk:
    """The page; ``sent`` are the changes that it requested, each answered by ``answers``."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self._url = page, url
        self.sent: list[tuple[str, Any]] = []
        self.answers: Callable[[Route], None] = lambda route: route.fulfill(json={})
        page.route("**/processors/*/*", self._answer)

    def show(self, news: dict[str, Any], caller: dict[str, Any] | None = None) -> None:
        """Open the page with this document, with this caller."""
        events = f"event: caller\ndata: {orjson.dumps(caller).decode()}\n\n" if caller else ""
        events += f"event: vitals\ndata: {orjson.dumps(news).decode()}\n\n"
        self.page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=events))
        self.page.goto(self._url)

    def card(self, name: str) -> Locator:
        """Return a processor's card."""
        return self.page.locator("#processors article").filter(has=self.page.get_by_text(name, exact=True))

    def _answer(self, route: Route) -> None:
        request: Request = route.request
        self.sent.append((request.url.removeprefix(self._url), request.post_data_json))
        self.answers(route)


@pytest.fixture
def desk(page: Page, shared_ingress: IngressProcess) -> Desk:
    """The page with the test's answers."""
    return Desk(page, shared_ingress.url)


@pytest.mark.parametrize("condition", ["serving", "failing"])
def test_paused_and_failing_are_independent(desk: Desk, condition: str) -> None:
    """One may be both, and both are shown; a pause has by whom, since when and why."""
    desk.show(document(PAUSE, condition))
    chips = desk.card("default").locator(".chip:visible")
    expect(chips).to_have_text([condition, "paused"])
    expect(desk.card("fallback").locator(".chip:visible")).to_have_text(["serving"])
    expect(desk.card("default").locator(".about-pause")).to_have_text(
        "Paused by operations since 2025-07-15 12:20:00.000 UTC: their incident 4711. No new payments are sent there."
    )
    expect(desk.card("fallback").locator(".about-pause")).to_be_hidden()


def test_a_pause_needs_a_reason_and_is_sent_once(desk: Desk) -> None:
    """By keyboard alone: the reason has the focus, Enter sends it, and the button has the focus again."""
    desk.show(document())
    desk.card("default").get_by_role("button", name="Pause").press("Enter")
    dialog = desk.page.get_by_role("dialog", name="Pause default")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    desk.page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    assert desk.sent == []
    desk.page.keyboard.type("their incident 4711")
    desk.page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    assert desk.sent == [("/processors/default/pause", {"reason": "their incident 4711"})]
    expect(desk.card("default").get_by_role("button", name="Pause")).to_be_focused()


def test_a_resume_needs_no_reason(desk: Desk) -> None:
    """An empty one is not sent."""
    desk.show(document(PAUSE))
    desk.card("default").get_by_role("button", name="Resume").click()
    dialog = desk.page.get_by_role("dialog", name="Resume default")
    dialog.get_by_role("button", name="Resume default").click()
    expect(dialog).to_be_hidden()
    assert desk.sent == [("/processors/default/resume", {})]


def test_an_unknown_outcome_is_shown_and_can_be_repeated(desk: Desk) -> None:
    """The dialog stays open with the reason in it, until it is done or cancelled."""
    desk.show(document())
    desk.card("fallback").get_by_role("button", name="Pause").click()
    dialog = desk.page.get_by_role("dialog", name="Pause fallback")
    dialog.get_by_label("Reason").fill("x")
    away = {"error": "dispatcher_away", "detail": "no dispatcher answers; it may be done or not"}
    desk.answers = lambda route: route.fulfill(status=503, json=away)
    dialog.get_by_role("button", name="Pause fallback").click()
    expect(dialog.get_by_role("alert")).to_contain_text("it may be done or not")
    desk.answers = lambda route: route.abort()
    dialog.get_by_role("button", name="Pause fallback").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Unknown whether it was done")
    expect(dialog.get_by_role("alert")).not_to_contain_text("no dispatcher answers")
    desk.answers = lambda route: route.fulfill(json={})
    dialog.get_by_role("button", name="Pause fallback").click()
    expect(dialog).to_be_hidden()
    assert desk.sent == [("/processors/fallback/pause", {"reason": "x"})] * 3


@pytest.mark.parametrize("way", ["button", "key"])
def test_a_cancelled_dialog_changes_nothing(desk: Desk, way: str) -> None:
    """And is empty the next time, for whichever processor."""
    desk.show(document())
    desk.card("default").get_by_role("button", name="Pause").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("x")
    if way == "button":
        dialog.get_by_role("button", name="Cancel").click()
    else:
        desk.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    desk.card("fallback").get_by_role("button", name="Pause").click()
    expect(dialog.get_by_role("heading")).to_have_text("Pause fallback")
    expect(dialog.get_by_label("Reason")).to_have_value("")
    assert desk.sent == []


def test_a_key_without_the_scope_gets_no_buttons_and_a_reason(desk: Desk) -> None:
    """With the scope, or if no key is needed, there are buttons and no such sentence."""
    desk.show(document(), {"keyName": "wall", "mayOperate": False})
    expect(desk.card("default")).to_be_visible()
    expect(desk.page.locator("#processors button:visible")).to_have_count(0)
    expect(desk.page.get_by_text(MAY_NOT)).to_be_visible()
    desk.show(document(), {"keyName": "desk", "mayOperate": True})
    expect(desk.page.locator("#processors button:visible")).to_have_count(2)
    expect(desk.page.get_by_text(MAY_NOT)).to_be_hidden()
    desk.show(document())
    expect(desk.page.locator("#processors button:visible")).to_have_count(2)
    expect(desk.page.get_by_text(MAY_NOT)).to_be_hidden()
    expect(desk.page.get_by_role("button", name="Sign out")).to_be_hidden()


def test_a_processor_that_is_no_longer_configured_cannot_be_paused(desk: Desk) -> None:
    """Nothing new is sent there anyway."""
    desk.show(document())
    expect(desk.card("gone")).to_be_visible()
    expect(desk.card("gone").get_by_role("button")).to_have_count(0)
