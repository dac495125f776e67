"""Errors as problem details (RFC 9457), for requests whose Accept names them; all others get the usual form."""

from typing import Any

import orjson
from sanic import Request, Sanic
from sanic.response import BaseHTTPResponse, HTTPResponse

from services.ingress.adapters.http_answers import ErrorAnswer, JsonAnswer
from services.ingress.core.preferences import PROBLEM, problem_asked
from services.ingress.core.problem import title_of, type_of


class Problem(JsonAnswer):
    """An error as problem details; ``error`` is in it too, so that programs can use the slug in either form."""

    __slots__ = ()
    media_type = PROBLEM


def answer_as_asked(app: Sanic[Any, Any]) -> None:
    """Render all errors of the application as they are requested, Sanic's own among them.

    Not those of a request that is refused while its head is read: what it accepts is not known then.
    """
    app.register_middleware(_as_asked, "response")


async def _as_asked(request: Request, answer: BaseHTTPResponse) -> HTTPResponse | None:
    if not isinstance(answer, ErrorAnswer) or not problem_asked(request.headers.getall("accept", [])):
        return None
    document = {
        "type": type_of(answer.slug),
        "title": title_of(answer.slug),
        "status": answer.status,
        "detail": answer.detail,
        "error": answer.slug,
    }
    # A cache must not return it to a client that asks for another form.
    return Problem(orjson.dumps(document), answer.status, {**answer.headers, "Vary": "Accept"})
