"""Which scope a request needs, and the guard before every route.

Each route has its line in NEEDS, or the application does not start: none is open because its line was forgotten.
``request.ctx.caller`` is then the caller (`core.guard.Caller`): its ``key_name`` is None where no key is needed.
"""

from time import monotonic
from typing import Any, cast

from sanic import Request, Sanic
from sanic.response import HTTPResponse
from sanic_routing.route import Route

from services.ingress.adapters import http_answers as say
from services.ingress.adapters.documents import PAGE_SCRIPTS
from services.ingress.core.call import Call
from services.ingress.core.guard import ANYBODY, UNAUTHORIZED, Caller, Denied, Guard
from services.ingress.core.meter import Meter
from services.ingress.core.plain_payment import PlainPayment
from services.keys.key import Scope

COOKIE = "tarifa_key"
SIGN_IN = "sign-in"

# None: for everybody. Whether the service lives is asked by what restarts and balances it, which has no key. The
# description and the page's files are in the repository and reveal nothing about this installation.
NEEDS: dict[str, Scope | None] = {
    "payments": "pay",
    "GET payments": "read",
    "payments/<payment_id:str>": "read",
    "payments/<payment_id:str>/life": "read",
    "payments/<payment_id:str>/release": "operate",
    "payments-summary": "read",
    "history": "read",
    "purge-payments": "operate",
    "processors": "read",
    "processors/<name:str>/pause": "operate",
    "processors/<name:str>/resume": "operate",
    "": "read",
    "events": "read",
    **dict.fromkeys(("healthz", "readyz"), None),
    **dict.fromkeys(("openapi.json", "docs", "docs.css", "docs.js", "page.css", "page.svg", "favicon.ico"), None),
    **dict.fromkeys(PAGE_SCRIPTS, None),
    **dict.fromkeys((SIGN_IN, "sign-out"), None),
}


class HttpGuard:
    """Checks requests before their handlers, counts those that are denied, and decides who may see more than others."""

    def __init__(self, guard: Guard, meter: Meter) -> None:
        self.guard = guard
        self.meter = meter

    def install(self, app: Sanic[Any, Any]) -> None:
        """Have every request checked from now on, including plain payments.

        Raises:
            LookupError: a route of the application is not in NEEDS.
        """
        if unknown := {need_of(route) for route in app.router.routes} - set(NEEDS):
            raise LookupError(f"routes without a line about who may call them: {sorted(unknown)}")
        app.register_middleware(self._before, "request")
        app.ctx.deny = self.plain

    def plain(self, payment: PlainPayment) -> HTTPResponse | None:
        """Return the answer to a plain payment that is denied; None: it is allowed."""
        call = Call("POST", payment.host, payment.authorization)
        judged = self.guard.judge(call, "pay", monotonic())
        return self._deny(judged) if isinstance(judged, Denied) else None

    def may_read(self, request: Request) -> bool:
        """Return whether the caller may see what is left out of an answer for everybody."""
        return self.guard.may(call_of(request), "read")

    def may_still(self, request: Request, scope: Scope) -> bool:
        """Return whether what a request began may continue: its key may have been revoked since."""
        return self.guard.may_still(cast("Caller", request.ctx.caller), scope)

    async def _before(self, request: Request) -> HTTPResponse | None:
        request.ctx.caller = ANYBODY
        # Without a route it is Sanic's own 404 or 405.
        scope = None if request.route is None else NEEDS[need_of(request.route)]
        if scope is None:
            return None
        judged = self.guard.judge(call_of(request), scope, monotonic())
        if isinstance(judged, Denied):
            return _to_sign_in(request, judged) or self._deny(judged)
        request.ctx.caller = judged
        return None

    def _deny(self, denied: Denied) -> HTTPResponse:
        self.meter.denied[denied.slug] += 1
        return say.denied(denied)


def need_of(route: Route) -> str:
    """Return the name of a route in NEEDS: its path, with GET before it where POST there needs another scope."""
    return f"GET {route.path}" if "GET" in route.methods and f"GET {route.path}" in NEEDS else route.path


def call_of(request: Request) -> Call:
    """Return what identifies the sender of a request; a header that is given twice counts as invalid."""
    headers = request.headers

    def one(name: str) -> str | None:
        values = headers.getall(name, [])
        return None if not values else values[0] if len(values) == 1 else ",".join(values)

    return Call(
        request.method,
        one("host"),
        one("authorization"),
        request.cookies.get(COOKIE),
        one("origin"),
        one("sec-fetch-site"),
        one("sec-fetch-mode"),
        one("sec-fetch-dest"),
    )


def _to_sign_in(request: Request, denied: Denied) -> HTTPResponse | None:
    """Return the redirect to the sign-in form for a person with a browser; None for a program, which gets the error."""
    is_page = request.route is not None and not request.route.path
    if denied.status != UNAUTHORIZED or not is_page or "text/html" not in request.headers.get("accept", ""):
        return None
    return HTTPResponse(None, 303, {"Location": SIGN_IN, "Cache-Control": "no-store"}, "text/html")
