"""``GET /payments``: a list of payments, part by part."""

from typing import Any, Protocol

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from services.ingress.adapters import http_answers as say
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import TryLater
from services.ingress.core.listing import Page, Query, Row


class Story(Protocol):
    """What this adapter has done for its callers."""

    async def page(self, query: Query) -> Rejected | Page | TryLater:
        """Return the part of a list that is asked for."""


def add_listing(app: Sanic[Any, Any], story: Story) -> None:
    """Serve lists of payments, beside what the application serves already."""

    async def get_payments(request: Request) -> HTTPResponse:
        answer = await story.page(dict(request.get_args(keep_blank_values=True)))
        return say.ok(_document(answer)) if isinstance(answer, Page) else say.negative(answer)

    app.add_route(get_payments, "/payments", methods=["GET", "HEAD"])


def _document(page: Page) -> dict[str, object]:
    document: dict[str, object] = {"payments": [_row(row) for row in page.rows], "next": page.next_cursor}
    if page.answered is not None:
        document["dispatchers"] = {"answered": page.answered, "silent": page.silent}
    return document


def _row(row: Row) -> dict[str, object]:
    document = say.standing_document(row.payment)
    return document if row.is_counted is None else document | {"counted": row.is_counted}
