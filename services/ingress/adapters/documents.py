"""Files of this package, read once and served: the API's description with its page, and the operator's page."""

from collections.abc import Callable, Coroutine, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from sanic import Request, Sanic
from sanic.response import HTTPResponse

FOLDER = Path(__file__).parents[1] / "api"
_TAG_CHARACTERS = 16

# Nothing from other origins, nothing inline, not in any frame: all content and scripts come from here.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",  # as frame-ancestors, for older browsers
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # revalidated each time, and not sent while unchanged: an upgrade shows at once
}


class Document(NamedTuple):
    """A file and the path at which it is served; ``cache_control``: as in HEADERS unless given."""

    path: str
    file: str
    content_type: str
    cache_control: str = HEADERS["Cache-Control"]


DOCUMENTS = (
    Document("/openapi.json", "openapi.json", "application/json"),
    Document("/docs", "docs.html", "text/html; charset=utf-8"),
    Document("/docs.css", "docs.css", "text/css; charset=utf-8"),
    Document("/docs.js", "docs.js", "text/javascript; charset=utf-8"),
)
# Of the operator's page. They are in the repository, so `http_guard.NEEDS` lets everybody read them.
PAGE_SCRIPTS = (
    "page.js",
    "elements.js",
    "session.js",
    "life.js",
    "plots.js",
    "history.js",
    "dialogs.js",
    "operating.js",
    "stuck.js",
    "listing.js",
    "row.js",
    "release.js",
)


def add_documents(app: Sanic[Any, Any], folder: Path = FOLDER, documents: Sequence[Document] = DOCUMENTS) -> None:
    """Add routes for the documents of a folder.

    Raises:
        OSError: a file is missing; the package is incomplete.
    """
    for document in documents:
        body = (folder / document.file).read_bytes()
        name = document.file.replace(".", "_")
        app.add_route(_serving(document, body), document.path, methods=["GET", "HEAD"], name=name)


def _serving(document: Document, body: bytes) -> Callable[[Request], Coroutine[Any, Any, HTTPResponse]]:
    tag = f'"{sha256(body).hexdigest()[:_TAG_CHARACTERS]}"'
    headers = {**HEADERS, "Cache-Control": document.cache_control, "ETag": tag}

    async def serve(request: Request) -> HTTPResponse:
        if _knows(request, tag):
            return HTTPResponse(None, 304, headers)
        return HTTPResponse(body, 200, headers, document.content_type)

    return serve


def _knows(request: Request, tag: str) -> bool:
    # A cache in between may have made the tag a weak one, which is the same for this purpose (RFC 9110, 13.1.2).
    texts = ",".join(request.headers.getall("if-none-match", [])).split(",")
    return any(text.strip().removeprefix("W/") in {tag, "*"} for text in texts)
