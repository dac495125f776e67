"""``GET /history``: the past in equal steps of time, for the page's plots."""

from typing import Any, Protocol

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from services.contracts.history import HistoryAnswered
from services.contracts.money import amount_of
from services.contracts.stamp import text_of
from services.ingress.adapters import http_answers as say
from services.ingress.adapters.http_api import taking
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import TryLater


class HistoryFlow(Protocol):
    """Implemented by ``Ingress``."""

    async def history(self, range_texts: list[str]) -> Rejected | HistoryAnswered | TryLater:
        """Return the steps of a range."""


def add_history(app: Sanic[Any, Any], flow: HistoryFlow) -> None:
    """Add the route for the past to the application."""

    async def get_history(request: Request) -> HTTPResponse:
        query = request.get_args(keep_blank_values=True)
        answer = await flow.history(query.getlist("range", []))
        return say.ok(history_document(answer)) if isinstance(answer, HistoryAnswered) else say.negative(answer)

    app.add_route(taking(get_history, "range"), "/history", methods=["GET", "HEAD"])


def history_document(answer: HistoryAnswered) -> dict[str, object]:
    """Return the document of an answer."""
    return {
        "from": text_of(answer.since),
        "to": text_of(answer.steps[-1].until),
        "stepS": answer.step_s,
        "steps": [
            {
                "to": text_of(each.until),
                "acceptedPerS": each.accepted_per_s,
                "settledPerS": each.settled_per_s,
                "p50Ms": each.p50_ms,
                "p99Ms": each.p99_ms,
                "backlog": each.backlog,
                "saved": None if each.saved_cents is None else amount_of(each.saved_cents),
                "troubles": each.troubles,
            }
            for each in answer.steps
        ],
    }
