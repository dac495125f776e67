"""HTTP for operators: who charges, a pause, a resume, a purge; each by the name of the key that asks for it."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from services.contracts.operating import ListedProcessor
from services.ingress.adapters import http_answers as say
from services.ingress.adapters.http_api import taking
from services.ingress.core.admission import Rejected, media_type_refused
from services.ingress.core.answers import Cleared, TryLater

OPEN = "open"  # who does it where no key is asked for

Changed = ListedProcessor | Rejected | TryLater


class Story(Protocol):
    """What this adapter has done for its callers."""

    async def processors(self) -> tuple[ListedProcessor, ...] | TryLater:
        """Tell who charges."""

    async def pause(self, name: str, body: bytes, who: str) -> Changed:
        """Have a processor sent nothing new."""

    async def resume(self, name: str, body: bytes, who: str) -> Changed:
        """Have a processor sent payments again."""

    async def purge(self, who: str) -> Cleared | TryLater:
        """Have the book forget."""


def add_operating(app: Sanic[Any, Any], story: Story, *, allow_purge: bool) -> None:
    """Serve what operators ask for, beside what the application serves already."""
    routes = _Routes(story, allow_purge=allow_purge)
    app.add_route(taking(routes.get_processors), "/processors", methods=["GET", "HEAD"])
    app.add_route(routes.post_pause, "/processors/<name:str>/pause", methods=["POST"])
    app.add_route(routes.post_resume, "/processors/<name:str>/resume", methods=["POST"])
    app.add_route(routes.post_purge, "/purge-payments", methods=["POST"])


def who_asks(request: Request) -> str:
    """Return who does what is asked for, as it is recorded."""
    return request.ctx.caller.key_name or OPEN


class _Routes:
    def __init__(self, story: Story, *, allow_purge: bool) -> None:
        self._story = story
        self._allow_purge = allow_purge

    async def get_processors(self, _request: Request) -> HTTPResponse:
        answer = await self._story.processors()
        if isinstance(answer, TryLater):
            return say.negative(answer)
        return say.ok({"processors": [say.processor(each) for each in answer]})

    async def post_pause(self, request: Request, name: str) -> HTTPResponse:
        return await _change(self._story.pause, request, name)

    async def post_resume(self, request: Request, name: str) -> HTTPResponse:
        return await _change(self._story.resume, request, name)

    async def post_purge(self, request: Request) -> HTTPResponse:
        if not self._allow_purge:
            return say.error(403, "purge_not_allowed", "ALLOW_PURGE is not set")
        answer = await self._story.purge(who_asks(request))
        return say.negative(answer) if isinstance(answer, TryLater) else say.ok({"status": "cleared"})


async def _change(change: Callable[[str, bytes, str], Awaitable[Changed]], request: Request, name: str) -> HTTPResponse:
    headers = request.headers
    refused = media_type_refused(headers.get("content-type"), headers.get("content-encoding"))
    if refused is not None:
        return say.negative(refused)
    answer = await change(name, request.body, who_asks(request))
    return say.ok(say.processor(answer)) if isinstance(answer, ListedProcessor) else say.negative(answer)
