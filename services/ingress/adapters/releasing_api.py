"""HTTP for releases: one payment with all that an operator must know before, and the release itself."""

from typing import Any, Protocol

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from services.contracts.assignments import processor_of
from services.contracts.events import PaymentReleased, PaymentSettled
from services.contracts.money import amount_of
from services.contracts.releasing import (
    ProcessorAnswer,
    ReleaseAnswered,
    Sight,
    released_there,
    risk,
    targets,
    warnings,
)
from services.contracts.stamp import text_of
from services.ingress.adapters import http_answers as say
from services.ingress.adapters.http_api import taking
from services.ingress.adapters.operating_api import operator_of
from services.ingress.core.admission import Rejected, media_type_refused
from services.ingress.core.answers import TryLater
from services.ingress.core.releasing import Released, refused

ANSWERS = {"charged": "charged", "notCharged": "not_charged", "unreadable": "unreadable", "unanswered": "unanswered"}


class ReleaseFlow(Protocol):
    """Implemented by ``ReleaseRequests``."""

    async def look(self, id_text: str) -> ReleaseAnswered | Rejected | TryLater:
        """Return all that is known of a payment."""

    async def release(self, id_text: str, body: bytes, who: str) -> Released | Rejected | TryLater:
        """Have it released."""


def add_releasing(app: Sanic[Any, Any], flow: ReleaseFlow) -> None:
    """Add the routes for releases to the application."""

    async def get(_request: Request, payment_id: str) -> HTTPResponse:
        answer = await flow.look(payment_id)
        return say.ok(sight_document(answer)) if isinstance(answer, ReleaseAnswered) else say.negative(answer)

    async def post(request: Request, payment_id: str) -> HTTPResponse:
        headers = request.headers
        wrong = media_type_refused(headers.get("content-type"), headers.get("content-encoding"))
        if wrong is not None:
            return say.negative(wrong)
        answer = await flow.release(payment_id, request.body, operator_of(request))
        return _released(answer) if isinstance(answer, Released) else say.negative(answer)

    async def either(request: Request, payment_id: str) -> HTTPResponse:
        return await (post if request.method == "POST" else get)(request, payment_id)

    # One route: of two with a parameter in the path, Sanic's 405 has no Allow.
    app.add_route(taking(either), "/payments/<payment_id:str>/release", methods=["GET", "HEAD", "POST"], name="release")


def sight_document(answer: ReleaseAnswered) -> dict[str, object]:
    """Return what is known of a payment, and whether it may be released; what is not known or not there is null."""
    sight, refusal = answer.sight, answer.refusal and refused(answer.refusal)
    released = released_there(sight)
    of = sight.settlement or sight.accepted
    bound = None if sight.is_free and refusal is not None else sight.processor
    return {
        "correlationId": sight.id,
        "status": _status(sight),
        "amount": of and amount_of(of.amount_cents),
        "from": bound,
        "line": sight.line or None,
        "inDoubt": sight.in_doubt,
        "answers": [_record(each) for each in sight.records],
        "to": list(targets(sight)),
        "refusal": refusal and {"error": refusal.slug, "detail": refusal.detail},
        "risk": risk(processor_of(sight.generation), "") if refusal is None else None,
        "warnings": list(warnings(sight, "")),
        "released": released and _release(released),
    }


def _released(answer: Released) -> HTTPResponse:
    document = {
        "correlationId": answer.event.id,
        "status": "released",
        **_release(answer.event),
        "warnings": list(answer.warnings),
    }
    return say.ok(document, {"Idempotent-Replayed": "true"} if answer.is_repeated else None)


def _status(sight: Sight) -> str:
    if sight.settlement is None:
        return "accepted"
    return "settled" if isinstance(sight.settlement, PaymentSettled) else "refused"


def _record(said: ProcessorAnswer) -> dict[str, object]:
    return {
        "processor": processor_of(said.generation),
        "generation": said.generation,
        "answer": ANSWERS[said.answer],
        "amount": said.amount_cents and amount_of(said.amount_cents),
        "requestedAt": said.requested_at and text_of(said.requested_at),
        "detail": said.detail,
    }


def _release(event: PaymentReleased) -> dict[str, object]:
    return {
        "from": event.from_processor,
        "to": event.to_processor,
        "reason": event.reason,
        "releasedAt": text_of(event.released_at),
    }
