"""HTTP for operators: the processors, a pause, a resume, a purge; each recorded with the name of the key."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from services.contracts.operating import ListedProcessor
from services.ingress.adapters import http_answers as say
from services.ingress.adapters.http_api import taking
from services.ingress.core.admission import Rejected, media_type_refused
from services.ingress.core.answers import Cleared, TryLater

OPEN = "open"  # recorded as the operator where no key is needed

Changed = ListedProcessor | Rejected | TryLater


class OperatingFlow(Protocol):
    """Implemented by ``Operating``."""

    async def processors(self) -> tuple[ListedProcessor, ...] | TryLater:
        """Return the processors that charge."""

    async def pause(self, name: str, body: bytes, who: str) -> Changed:
        """Send a processor nothing new."""

    async def resume(self, name: str, body: bytes, who: str) -> Changed:
        """Send payments to a processor again."""

    async def purge(self, who: str) -> Cleared | TryLater:
        """Clear the book."""


def add_operating(app: Sanic[Any, Any], flow: OperatingFlow, *, allow_purge: bool) -> None:
    """Add the operators' routes to the application."""
    routes = _OperatingRoutes(flow, allow_purge=allow_purge)
    app.add_route(taking(routes.get_processors), "/processors", methods=["GET", "HEAD"])
    app.add_route(routes.post_pause, "/processors/<name:str>/pause", methods=["POST"])
    app.add_route(routes.post_resume, "/processors/<name:str>/resume", methods=["POST"])
    app.add_route(routes.post_purge, "/purge-payments", methods=["POST"])


def operator_of(request: Request) -> str:
    """Return the name by which the caller's operations are recorded."""
    return request.ctx.caller.key_name or OPEN


class _OperatingRoutes:
    def __init__(self, flow: OperatingFlow, *, allow_purge: bool) -> None:
        self._flow = flow
        self._allow_purge = allow_purge

    async def get_processors(self, _request: Request) -> HTTPResponse:
        answer = await self._flow.processors()
        if isinstance(answer, TryLater):
            return say.negative(answer)
        return say.ok({"processors": [say.processor(each) for each in answer]})

    async def post_pause(self, request: Request, name: str) -> HTTPResponse:
        return await _change(self._flow.pause, request, name)

    async def post_resume(self, request: Request, name: str) -> HTTPResponse:
        return await _change(self._flow.resume, request, name)

    async def post_purge(self, request: Request) -> HTTPResponse:
        if not self._allow_purge:
            return say.error(403, "purge_not_allowed", "ALLOW_PURGE is not set")
        answer = await self._flow.purge(operator_of(request))
        return say.negative(answer) if isinstance(answer, TryLater) else say.ok({"status": "cleared"})


async def _change(change: Callable[[str, bytes, str], Awaitable[Changed]], request: Request, name: str) -> HTTPResponse:
    headers = request.headers
    refused = media_type_refused(headers.get("content-type"), headers.get("content-encoding"))
    if refused is not None:
        return say.negative(refused)
    answer = await change(name, request.body, operator_of(request))
    return say.ok(say.processor(answer)) if isinstance(answer, ListedProcessor) else say.negative(answer)
