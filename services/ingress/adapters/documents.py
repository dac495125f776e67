"""Files of this package, read once and served: the API's description with its page, and the operator's page."""

from collections.abc import Callable, Coroutine, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from sanic import Request, Sanic
from sanic.response import HTTPResponse

FOLDER = Path(__file__).parents[1] / "api"
_TAG_CHARACTERS = 16

# Nothing from elsewhere, nothing inline, in nobody's frame: what is shown came from here, and so did what shows it.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",  # as frame-ancestors, for browsers of before
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # asked about each time, and not sent while it is the same: an upgrade shows at once
}


class Document(NamedTuple):
    """A file and the path at which it is read; ``cache_control``: as in HEADERS unless it is said."""

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


def add_documents(app: Sanic[Any, Any], folder: Path = FOLDER, documents: Sequence[Document] = DOCUMENTS) -> None:
    """Have the application serve the documents of a folder.

    Raises:
        OSError: a file is missing; the package is not whole.
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
    # A cache on the way may have made the tag a weak one, which for this purpose is the same (RFC 9110, 13.1.2).
    texts = ",".join(request.headers.getall("if-none-match", [])).split(",")
    return any(text.strip().removeprefix("W/") in {tag, "*"} for text in texts)
