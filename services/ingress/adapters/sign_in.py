"""Signing in to the page: the key goes into a cookie that no script can read and no other site's page can have sent."""

from typing import Any
from urllib.parse import parse_qs

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from services.ingress.adapters import http_answers as say
from services.ingress.adapters.documents import HEADERS
from services.ingress.adapters.http_guard import COOKIE, SIGN_IN, HttpGuard, call_of
from services.ingress.adapters.page import FOLDER
from services.ingress.core.call import may_use_cookie
from services.ingress.core.guard import CROSS_SITE, Denied

STAYS_S = 12 * 3600  # a working day
_HIDDEN, _SHOWN = b'id="wrong" role="alert" hidden', b'id="wrong" role="alert"'
_HTML = "text/html; charset=utf-8"
_FORM_BYTES_MAX = 1024
_NOT_KEPT = {**HEADERS, "Cache-Control": "no-store"}


def add_sign_in(app: Sanic[Any, Any], guard: HttpGuard) -> None:
    """Add the routes for the form and for what it sends.

    Raises:
        OSError: its file is missing; the package is incomplete.
    """
    sign_in = _SignIn((FOLDER / "sign-in.html").read_bytes(), guard)
    app.add_route(sign_in.get, f"/{SIGN_IN}", methods=["GET", "HEAD"], name="sign_in_form")
    app.add_route(sign_in.post, f"/{SIGN_IN}", methods=["POST"], name="sign_in")
    app.add_route(sign_in.leave, "/sign-out", methods=["POST"], name="sign_out")


class _SignIn:
    def __init__(self, form: bytes, guard: HttpGuard) -> None:
        self._form = form
        self._form_again = form.replace(_HIDDEN, _SHOWN)
        self._guard = guard

    async def get(self, _request: Request) -> HTTPResponse:
        if not self._guard.guard.asks_for_keys:
            return _see("./")
        return HTTPResponse(self._form, 200, _NOT_KEPT, _HTML)

    async def post(self, request: Request) -> HTTPResponse:
        if not may_use_cookie(call_of(request)):  # another site's page would sign its visitor in with a key of its own
            return say.denied(CROSS_SITE)
        secret = _sent(request.body)
        if isinstance(self._guard.guard.signed_in(secret), Denied):
            return HTTPResponse(self._form_again, 401, {**_NOT_KEPT, "WWW-Authenticate": "Bearer"}, _HTML)
        return _see("./", _cookie(request, secret, STAYS_S))

    async def leave(self, request: Request) -> HTTPResponse:
        if not may_use_cookie(call_of(request)):
            return say.denied(CROSS_SITE)
        return _see(SIGN_IN, _cookie(request, "", 0))


def _sent(body: bytes) -> str:
    """Return the key in the form's body, empty if there is none."""
    fields = parse_qs(body[:_FORM_BYTES_MAX].decode("ascii", "replace"))
    return fields.get("key", [""])[0].strip()


def _see(where: str, cookie: str | None = None) -> HTTPResponse:
    headers = {"Location": where, "Cache-Control": "no-store"}
    return HTTPResponse(None, 303, headers if cookie is None else {**headers, "Set-Cookie": cookie}, _HTML)


def _cookie(request: Request, secret: str, stays_s: int) -> str:
    """Return the cookie, for TLS only if the browser came by TLS, which our nginx reports and no client can fake there.

    A client that reaches us past nginx and fakes it harms only itself: its browser does not keep the cookie.
    """
    secure = "; Secure" if request.headers.get("x-forwarded-proto", "").lower() == "https" else ""
    return f"{COOKIE}={secret}; Path=/; Max-Age={stays_s}; HttpOnly; SameSite=Strict{secure}"
