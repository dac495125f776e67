"""``Prefer: wait=<seconds>`` (RFC 7240): a client may be answered when the payment is settled or refused.

``Preference-Applied`` means that the answer waited, and how long at most. Without it the answer came at once, as usual.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, assert_never

from sanic import Request
from sanic.response import HTTPResponse

from services.ingress.adapters import http_answers as say
from services.ingress.adapters.plain_path import PlainPathProtocol
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import Accepted, Missing, NotAwaited, NotYet, Replayed, Standing, TryLater
from services.ingress.core.preferences import wait_asked

Found = Standing | Rejected | Missing | TryLater


class AwaitingFlow(Protocol):
    """Implemented by ``Awaiting``."""

    async def final(self, payment_id: str, within_s: float) -> Standing | NotYet | NotAwaited:
        """Return a stored payment when it is settled or refused."""


class HttpWaiting:
    """Answers as `http_answers` does, later."""

    def __init__(self, awaiting: AwaitingFlow) -> None:
        self._awaiting = awaiting

    async def paid(self, request: Request, answer: Accepted | Replayed) -> HTTPResponse:
        """Return the answer to a stored payment: 200 and its status if it is settled or refused in time."""
        wait_s = _asked(request)
        if wait_s is None:
            return say.paid(answer)
        known = answer.original if isinstance(answer, Replayed) else answer.payment_id
        final = await self._final(request, known, wait_s)
        match final:
            case Standing():
                said = say.standing(final)
                if isinstance(answer, Replayed):
                    said.headers.update(say.REPLAYED)
                return _applied(said, wait_s)
            case NotYet():
                return _applied(say.paid(answer), wait_s)
            case NotAwaited():
                return say.paid(answer)
            case never:
                assert_never(never)

    async def found(self, request: Request, payment_id: str, look: Callable[[str], Awaitable[Found]]) -> HTTPResponse:
        """Return the answer to a request for a payment's status; when the wait is over it is looked up once more."""
        wait_s = _asked(request)
        found = await look(payment_id)
        if wait_s is None or not isinstance(found, Standing):
            return say.found(payment_id, found)
        final = await self._final(request, found, wait_s)
        match final:
            case Standing():
                return _applied(say.standing(final), wait_s)
            case NotYet():
                return _applied(say.found(payment_id, await look(payment_id)), wait_s)
            case NotAwaited():
                return say.standing(found)
            case never:
                assert_never(never)

    async def _final(self, request: Request, known: Standing | str, wait_s: int) -> Standing | NotYet | NotAwaited:
        if isinstance(known, Standing) and known.status != "accepted":
            return known
        payment_id = known.payment_id if isinstance(known, Standing) else known
        assert request.stream is not None  # noqa: S101  # for mypy: a request that was read has one
        connection = request.stream.protocol
        assert isinstance(connection, PlainPathProtocol)  # noqa: S101  # the server's class for each connection
        with connection.answering_later(wait_s):
            return await self._awaiting.final(payment_id, wait_s)


def _asked(request: Request) -> int | None:
    return wait_asked(request.headers.getall("prefer", []))


def _applied(answer: HTTPResponse, wait_s: int) -> HTTPResponse:
    answer.headers["Preference-Applied"] = f"wait={wait_s}"
    return answer
