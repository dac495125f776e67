"""The operator's page: the files of ``services/ingress/page``, and the events that keep it current."""

from pathlib import Path
from typing import Any

import orjson
from sanic import Request, Sanic
from sanic.response import HTTPResponse

from services.ingress.adapters import http_answers as say
from services.ingress.adapters.documents import PAGE_SCRIPTS, Document, add_documents
from services.ingress.adapters.http_api import taking
from services.ingress.adapters.http_guard import HttpGuard
from services.overview.adapters.hub import PAGES_MAX, PAGES_PER_ADDRESS_MAX, Hub
from services.overview.core.open_limit import LimitReached

FOLDER = Path(__file__).parents[1] / "page"
DOCUMENTS = (
    Document("/", "index.html", "text/html; charset=utf-8"),
    Document("/page.css", "page.css", "text/css; charset=utf-8"),
    *(Document(f"/{name}", name, "text/javascript; charset=utf-8") for name in PAGE_SCRIPTS),
    Document("/page.svg", "page.svg", "image/svg+xml"),
    # For clients that have not read which icon a page names, as browsers do beside /openapi.json and errors.
    Document("/favicon.ico", "favicon.ico", "image/x-icon", "public, max-age=86400"),
)
RECONNECT_AFTER_MS = 1_000
_EVENT_STREAM = "text/event-stream"
_EVENTS_HEADERS = {"Cache-Control": "no-store"}
_BEGIN = b"retry: %d\n\n" % RECONNECT_AFTER_MS


def add_page(app: Sanic[Any, Any], hub: Hub, guard: HttpGuard) -> None:
    """Add the routes for the page and its events to the application."""
    add_documents(app, FOLDER, DOCUMENTS)
    app.add_route(taking(_Events(hub, guard).get), "/events", methods=["GET", "HEAD"], name="events")


class _Events:
    def __init__(self, hub: Hub, guard: HttpGuard) -> None:
        self._hub = hub
        self._guard = guard

    async def get(self, request: Request) -> HTTPResponse | None:
        if request.method == "HEAD":  # no page is shown: no place is taken, and nothing is subscribed to
            return HTTPResponse(None, 200, _EVENTS_HEADERS, _EVENT_STREAM)
        assert request.transport is not None  # noqa: S101  # for mypy: a request that was read has one
        abort = request.transport.abort  # type: ignore[attr-defined]  # asyncio's own transports have it
        page = self._hub.join(abort, _address(request))
        if isinstance(page, LimitReached):
            return _too_many(page)
        try:
            # An event each second is a heartbeat too: Sanic counts its RESPONSE_TIMEOUT from the last write.
            stream = await request.respond(content_type=_EVENT_STREAM, headers=_EVENTS_HEADERS)
            await stream.send(_BEGIN + self._caller(request))
            async for event in page.events():
                if not self._guard.may_still(request, "read"):
                    break
                await stream.send(event)
            return None
        finally:
            self._hub.leave(page)

    def _caller(self, request: Request) -> bytes:
        """Return the event that names the key with which the page is opened; nothing if none is needed."""
        name = request.ctx.caller.key_name
        if name is None:
            return b""
        caller = {"keyName": name, "mayOperate": self._guard.may_still(request, "operate")}
        return b"event: caller\ndata: %b\n\n" % orjson.dumps(caller)


def _address(request: Request) -> str:
    """Return the client's address: the peer's, or over a unix socket the one in the balancer's header."""
    peer = request.conn_info.peername if request.conn_info is not None else None
    return peer[0] if isinstance(peer, tuple) else request.headers.get("x-real-ip", "")


def _too_many(full: LimitReached) -> HTTPResponse:
    again = {"Retry-After": str(say.RETRY_AFTER_S)}
    if full is LimitReached.FOR_THIS_ADDRESS:
        said = f"this instance serves at most {PAGES_PER_ADDRESS_MAX} pages to one address"
        return say.error(429, "too_many_pages", said, again)
    said = f"this instance serves at most {PAGES_MAX} pages, and none while it stops"
    return say.error(503, "too_many_pages", said, again)
