"""The operator's page: a few files as they lie in ``services/ingress/page``, and the events that keep them current."""

from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from services.ingress.adapters import http_answers as say
from services.ingress.adapters.hub import PAGES_MAX, Hub

FOLDER = Path(__file__).parents[1] / "page"
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.svg": ("page.svg", "image/svg+xml"),
}
# Nothing from elsewhere, nothing inline, in nobody's frame: what is shown came from here, and so did what shows it.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # kept, and asked for anew each time: the tag below makes that a 304
}
RECONNECT_AFTER_MS = 1_000
_BEGIN = b"retry: %d\n\n" % RECONNECT_AFTER_MS


def add_page(app: Sanic[Any, Any], hub: Hub) -> None:
    """Serve the page and its events, beside what the application serves already."""
    for path, (name, content_type) in FILES.items():
        file = _File.read(name, content_type)
        app.add_route(file.get, path, methods=["GET", "HEAD"], name=name.replace(".", "-"))
    app.add_route(_Events(hub).get, "/events", methods=["GET"], name="events")


class _File:
    def __init__(self, content: bytes, content_type: str) -> None:
        self._content = content
        self._content_type = content_type
        self._tag = f'"{sha256(content).hexdigest()[:16]}"'

    @classmethod
    def read(cls, name: str, content_type: str) -> Self:
        return cls((FOLDER / name).read_bytes(), content_type)

    async def get(self, request: Request) -> HTTPResponse:
        headers = {**HEADERS, "ETag": self._tag}
        # A balancer that compresses would make the tag a weak one.
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if self._tag in known:
            return HTTPResponse(status=304, headers=headers)
        return HTTPResponse(self._content, headers=headers, content_type=self._content_type)


class _Events:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def get(self, request: Request) -> HTTPResponse | None:
        assert request.transport is not None  # noqa: S101  # for mypy: a request that was read has one
        page = self._hub.join(request.transport.abort)  # type: ignore[attr-defined]  # asyncio's own transports have it
        if page is None:
            return say.error(
                503,
                "too_many_pages",
                f"this instance shows itself to {PAGES_MAX} pages at most, and to none while it stops",
                {"Retry-After": str(say.RETRY_AFTER_S)},
            )
        try:
            # An event a second is a heartbeat too: Sanic counts its RESPONSE_TIMEOUT from the last write.
            stream = await request.respond(content_type="text/event-stream", headers={"Cache-Control": "no-store"})
            await stream.send(_BEGIN)
            async for event in page.events():
                await stream.send(event)
            return None
        finally:
            self._hub.leave(page)
