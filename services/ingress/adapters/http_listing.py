"""``GET /payments``, a list of payments page by page; ``GET /payments/<id>/life``, one of them step by step."""

from typing import Any, Protocol, assert_never

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from services.contracts.stamp import text_of
from services.ingress.adapters import http_answers as say
from services.ingress.adapters.http_api import taking
from services.ingress.adapters.payment_document import payment_document
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import Missing, TryLater
from services.ingress.core.listing import ListPage, ListRow, Query
from services.ingress.core.payment_life import Life, Step


class ListingFlow(Protocol):
    """Implemented by ``Listing``."""

    async def page(self, query: Query) -> Rejected | ListPage | TryLater:
        """Return the requested page of a list."""


class LifeFlow(Protocol):
    """Implemented by ``PaymentLife``."""

    async def life(self, id_text: str) -> Rejected | Life | Missing | TryLater:
        """Return a payment's life."""


def add_listing(app: Sanic[Any, Any], flow: ListingFlow, lives: LifeFlow) -> None:
    """Add the routes for lists of payments and for their lives to the application."""

    async def get_payments(request: Request) -> HTTPResponse:
        answer = await flow.page(dict(request.get_args(keep_blank_values=True)))
        return say.ok(_document(answer)) if isinstance(answer, ListPage) else say.negative(answer)

    async def get_life(_request: Request, payment_id: str) -> HTTPResponse:
        answer = await lives.life(payment_id)
        match answer:
            case Life():
                return say.ok(_life(answer))
            case Missing():
                return say.no_such_payment(payment_id)
            case Rejected() | TryLater():
                return say.negative(answer)
            case never:
                assert_never(never)

    app.add_route(get_payments, "/payments", methods=["GET", "HEAD"])
    app.add_route(taking(get_life), "/payments/<payment_id:str>/life", methods=["GET", "HEAD"], name="get_life")


def _document(page: ListPage) -> dict[str, object]:
    document: dict[str, object] = {"payments": [_row(row) for row in page.rows], "next": page.next_cursor}
    if page.answered is not None:
        document["dispatchers"] = {"answered": page.answered, "silent": page.silent}
    return document


def _row(row: ListRow) -> dict[str, object]:
    document = payment_document(row.payment)
    return document if row.is_counted is None else document | {"counted": row.is_counted}


def _life(life: Life) -> dict[str, object]:
    steps = [_step(step) for step in life.steps]
    return payment_document(life.payment) | {"steps": steps, "notKnown": life.not_known}


def _step(step: Step) -> dict[str, object]:
    return {"what": step.what, "at": step.at and text_of(step.at), **step.facts}
