"""The table of stuck payments in a real browser, from lists that a test makes up."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from playwright.sync_api import Locator, Page, Route

from services.overview.core.vitals import Backlog
from tests.unit.overview.pulses import TOTALS, Watched, dispatcher, ingress, ledger

NOW = "2025-07-15T12:30:00.000Z"
STAMP = "2025-07-15T12:00:00.123Z"


def payment(number: int, amount: float = 19.9, **waiting: Any) -> dict[str, Any]:
    """Return one that waits, by default in doubt at default."""
    last = {"requestedAt": STAMP, "processor": "default", "tookMs": 2000.4, "outcome": "unknown", "detail": "no answer"}
    known = {
        "processor": "default",
        "since": STAMP,
        "attempts": 3,
        "inDoubt": True,
        "dispatcher": "dispatcher-1",
        "released": False,
        "lastAttempt": last,
    }
    identity = {"correlationId": id_of(number), "amount": amount, "status": "accepted", "acceptedAt": STAMP}
    return identity | {"waitingFor": known | waiting}


def id_of(number: int) -> str:
    """Return the id of a payment."""
    return f"4a7901b8-7d26-4d9d-aa19-{number:012}"


class Listed:
    """The page at half past twelve; ``asked`` are the queries of its list, each answered by the next of ``answers``.

    The last answer is repeated. An answer is a list of payments, a whole document, or an error with its status.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page, self._url = page, url
        self.asked: list[dict[str, str]] = []
        self.answers: list[Any] = [[]]
        news = Watched().seconds(2, ingress(0), dispatcher(), ledger(TOTALS), backlog=Backlog(3, 60.0, 100))
        events = f"event: vitals\ndata: {orjson.dumps(news).decode()}\n\n"
        page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=events))
        page.route("**/payments?*", self._answer)
        page.clock.install(time=NOW)

    @property
    def rows(self) -> Locator:
        """Its rows without their head."""
        return self.page.locator("#stuck tbody tr")

    @property
    def status(self) -> Locator:
        """What the page says about the list."""
        return self.page.locator("#stuck-status")

    def open(self, *answers: Any) -> None:
        """Open the page, scrolled to the list."""
        self.answers = list(answers)
        self.page.goto(self._url)
        self.page.locator("#processors article").first.wait_for()
        self.page.locator("#stuck").scroll_into_view_if_needed()

    def refreshed(self, *answers: Any) -> None:
        """Have it ask again by itself, with these answers."""
        self.answers = list(answers)
        with self.page.expect_response("**/payments?*"):
            self.page.clock.run_for(10_000)

    def ids(self) -> list[int]:
        """Return which payments it shows, by their numbers, in its order."""
        return [int(text[-12:]) for text in self.rows.locator("a").all_text_contents()]

    def cells(self, column: str) -> list[str]:
        """Return a column's texts."""
        return self.rows.locator(f"td.{column}").all_text_contents()

    def head(self, name: str) -> Locator:
        """Return the button by which a column is sorted."""
        return self.page.locator("#stuck").get_by_role("columnheader", name=name).get_by_role("button")

    def _answer(self, route: Route) -> None:
        self.asked.append(dict(parse_qsl(urlsplit(route.request.url).query)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        status = 200
        if isinstance(answer, list):
            answer = listed(answer)
        elif isinstance(answer, tuple):
            status, answer = answer
        route.fulfill(status=status, content_type="application/json", body=orjson.dumps(answer))


def listed(payments: list[dict[str, Any]], next_cursor: str | None = None, *silent: str) -> dict[str, Any]:
    """Return a part of a list."""
    return {
        "payments": payments,
        "next": next_cursor,
        "dispatchers": {"answered": ["dispatcher-1"], "silent": list(silent)},
    }
