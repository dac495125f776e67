"""The release of a payment in a real browser, with answers that a test makes up."""

from typing import Any

import orjson
from playwright.sync_api import Locator, Page, Route, expect

from tests.integration.ingress.page_list import STAMP, payment

PAYMENT = payment(7, 1234.5)
ID = PAYMENT["correlationId"]
END = ID[-12:]
WHY = "default was shut down for good"


def record(processor: str, answer: str, detail: str = "", **more: Any) -> dict[str, Any]:
    """Return what a processor answers about it."""
    known = {"processor": processor, "generation": f"{processor}/1", "answer": answer, "detail": detail}
    return known | {"amount": None, "requestedAt": None} | more


SIGHT = {
    "correlationId": ID,
    "status": "accepted",
    "amount": 1234.5,
    "from": "default",
    "line": 4711,
    "inDoubt": True,
    "answers": [record("default", "unanswered", "no answer within 3 s"), record("fallback", "not_charged")],
    "to": ["fallback", "spare"],
    "refusal": None,
    "risk": "WHAT THIS RISKS: a double charge.\nthen the customer has paid\ntwice.",
    "warnings": ["spare is paused by desk (tests): a payment released to it waits there until it is resumed."],
    "released": None,
}


class Desk:
    """The page with one payment's life; ``sent`` are the releases that it asked for, answered by ``answer``.

    ``asked`` are the ids whose life it asked for.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page, self._url = page, url
        self.life: dict[str, Any] = PAYMENT
        self.sight: tuple[int, dict[str, Any]] = (200, SIGHT)
        self.answer: tuple[int, dict[str, Any]] = (200, {"status": "released"})
        self.sent: list[Any] = []
        self.asked: list[str] = []
        self._is_holding = False
        self._held: Route | None = None
        page.route("**/payments/*/life", self._live)
        page.route("**/payments/*/release", self._release)
        page.route("**/events", lambda route: route.abort())

    def open(self, caller: dict[str, Any] | None = None) -> Locator:
        """Open the page; return the button."""
        if caller is not None:
            events = f"event: caller\ndata: {orjson.dumps(caller).decode()}\n\n"
            self.page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=events))
        self.page.goto(f"{self._url}/#{ID}")
        expect(self.page.locator("#life .verdict")).to_be_visible()
        return self.page.get_by_role("button", name="Release it to another processor")

    @property
    def dialog(self) -> Locator:
        """The dialog, if it is open."""
        return self.page.get_by_role("dialog", name="Release a payment")

    def confirm(self, end: str = END) -> None:
        """Answer both questions."""
        self.dialog.get_by_label("Reason").fill(WHY)
        self.dialog.get_by_label("Release it anyway").check()
        self.dialog.get_by_label("the last 12 characters").fill(end)

    def release(self) -> None:
        """Press the button of the dialog."""
        self.dialog.get_by_role("button", name="Release").click()

    def release_and_cancel(self) -> None:
        """Release it, and close the dialog before there is an answer."""
        self._is_holding = True
        with self.page.expect_request(lambda request: request.method == "POST"):
            self.release()
        self.page.keyboard.press("Escape")
        expect(self.dialog).to_be_hidden()

    def answer_held(self) -> None:
        """Answer that release."""
        assert self._held is not None
        status, document = self.answer
        self._held.fulfill(status=status, json=document)

    def _live(self, route: Route) -> None:
        self.asked.append(route.request.url.split("/")[-2])
        steps = {"steps": [{"what": "accepted", "at": STAMP}], "notKnown": []}
        route.fulfill(json=self.life | steps)

    def _release(self, route: Route) -> None:
        if route.request.method == "POST":
            self.sent.append(route.request.post_data_json)
            if self._is_holding:
                self._is_holding, self._held = False, route
                return
        status, document = self.answer if route.request.method == "POST" else self.sight
        route.fulfill(status=status, json=document)
