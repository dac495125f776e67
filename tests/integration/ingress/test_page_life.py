"""One payment's life on the operator's page, from answers that the test makes up."""

from typing import Any

import orjson
import pytest
from playwright.sync_api import Page, Route, expect

from tests.integration.ingress.ingress_process import IngressProcess, new_id

STAMP = "2025-07-15T12:00:00.123Z"
WAITING = {
    "processor": "default",
    "since": STAMP,
    "attempts": 30,
    "inDoubt": True,
    "dispatcher": "dispatcher-1",
    "released": False,
    "lastAttempt": None,
}


def attempt(number: int, outcome: str | None = "unknown") -> dict[str, Any]:
    """Return one call."""
    took = None if outcome is None else 2000.5
    detail = "" if outcome is None else f"no answer, {number}"
    what = {"what": "attempt", "at": STAMP, "processor": "default"}
    return {**what, "tookMs": took, "outcome": outcome, "detail": detail}


def life(status: str, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a life."""
    accepted = {"what": "accepted", "at": STAMP}
    standing = {"correlationId": new_id(), "amount": 19.9, "status": status, "acceptedAt": STAMP}
    return standing | {"steps": [accepted, *steps], "notKnown": ["calls of earlier dispatchers"]} | more


class Shown:
    """The page with one payment's life, which a test may change meanwhile."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self._url = page, url
        self.answer: dict[str, Any] = {}
        page.route("**/payments/*/life", self._answer)
        page.clock.install()

    def look(self, answer: dict[str, Any]) -> None:
        """Look up a payment that has this life."""
        self.answer = answer
        self.page.goto(f"{self._url}/#{answer['correlationId']}")

    def again(self, answer: dict[str, Any]) -> None:
        """Have the page ask again, with this answer."""
        self.answer = answer
        with self.page.expect_response("**/life"):
            self.page.clock.run_for(2_100)

    def _answer(self, route: Route) -> None:
        route.fulfill(content_type="application/json", body=orjson.dumps(self.answer))


@pytest.fixture
def shown(page: Page, shared_ingress: IngressProcess) -> Shown:
    """The page with the test's answers."""
    return Shown(page, shared_ingress.url)


def test_each_step_is_shown_with_what_is_known_of_it(shown: Shown) -> None:
    """And what was not recorded is shown as not known."""
    assigned = {"what": "assigned", "at": STAMP, "processor": "default", "dispatcher": "dispatcher-1"}
    released = {"what": "released", "at": STAMP, "from": "default", "to": "fallback", "reason": "shut down"}
    returned = {"what": "returned", "at": None, "processor": "default", "dispatcher": "dispatcher-2"}
    settled = {"what": "settled", "at": STAMP, "processor": "fallback", "amount": 19.9}
    stamps = {"requestedAt": STAMP, "storedAt": STAMP}
    steps = (assigned, attempt(1), attempt(2, None), returned, released, settled | stamps)
    shown.look(life("settled", *steps, processor="fallback", requestedAt="2025-07-15T12:00:02.123Z"))
    at = "2025-07-15 12:00:00.123 UTC"
    expect(shown.page.locator("#life > ol > li")).to_have_text(
        [
            f"Accepted{at}",
            f"Assigned to default{at}by dispatcher-1",
            f"Call to default{at}unknown after 2,001 msno answer, 1",
            f"Call to default{at}under way",
            "Returned, for any processorwhen is not knownby dispatcher-2",
            f"Released from default to fallback{at}shut down",
            f"Settled at fallback{at}19.90 charged, by the call sent{at}Stored{at}",
        ]
    )
    expect(shown.page.locator("#life")).to_contain_text("Sent to be charged 2.0 s after it was accepted")
    expect(shown.page.locator("#life")).to_contain_text("Not known: calls of earlier dispatchers.")


def test_many_calls_are_folded_and_stay_open_when_there_is_news(shown: Shown) -> None:
    """The first and the newest are visible; a reader of those between is not disturbed."""
    calls = [attempt(number) for number in range(1, 21)]
    answer = life("accepted", *calls, waitingFor=WAITING)
    shown.look(answer)
    items = shown.page.locator("#life > ol > li")
    expect(items).to_have_count(6)
    expect(items.nth(1)).to_contain_text("no answer, 1")
    expect(items.nth(3)).to_contain_text("no answer, 19")
    expect(items.nth(5)).to_contain_text("default may have charged it already")
    shown.page.get_by_text("17 calls between these").click()
    expect(items.nth(2).get_by_text("no answer, 10")).to_be_visible()
    shown.again(answer | {"steps": [*answer["steps"], attempt(21)]})
    expect(items.nth(4)).to_contain_text("no answer, 21")
    expect(items.nth(2).get_by_text("no answer, 10")).to_be_visible()


def test_an_unknown_step_or_outcome_is_shown_by_its_name(shown: Shown) -> None:
    """A newer version may send some that this page does not know: neither is left out."""
    shown.look(life("accepted", {"what": "blessed", "at": STAMP}, attempt(1, "odd"), waitingFor=None))
    expect(shown.page.locator("#life li").nth(1)).to_contain_text("blessed")
    expect(shown.page.locator("#life li").nth(2)).to_contain_text("odd after 2,001 ms")
    expect(shown.page.locator("#life")).to_contain_text("No dispatcher has reported it yet")
