"""HTTP: the routes for clients, what each calls in the flow, and how it is answered."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from time import perf_counter
from typing import Any, Protocol

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from services.contracts import traceparent
from services.contracts.summary import Totals
from services.ingress.adapters import http_answers as say
from services.ingress.adapters.documents import add_documents
from services.ingress.adapters.http_guard import HttpGuard
from services.ingress.adapters.http_waiting import AwaitingFlow, HttpWaiting
from services.ingress.adapters.problem_details import answer_as_asked
from services.ingress.adapters.strict_request import StrictRequest
from services.ingress.core.admission import Rejected, media_type_refused, parameters_refused
from services.ingress.core.answers import Accepted, AmountDiffers, Missing, Replayed, Standing, TryLater
from services.ingress.core.meter import Meter

# Bodies beyond 4 KiB are read up to here, so that the client gets its 413 and not a closed connection.
REQUEST_BYTES_MAX = 65_536
HEADER_BYTES_MAX = 8_192
REQUEST_TIMEOUT_S = 10  # for a request to arrive
RESPONSE_TIMEOUT_S = 15  # longer than a store and the three look-ups of a replay may take
KEEP_ALIVE_TIMEOUT_S = 120  # above nginx's upstream keepalive timeout, so that it is nginx that closes

NO_TOTALS = Totals(0, 0)


class PaymentFlow(Protocol):
    """Implemented by ``Ingress``."""

    async def accept(
        self, body: bytes, traceparent: str | None = None
    ) -> Rejected | Accepted | Replayed | AmountDiffers | TryLater:
        """Store a payment, once."""

    async def standing(self, id_text: str) -> Rejected | Standing | Missing | TryLater:
        """Return the status of a payment."""

    async def summary(self, from_texts: list[str], to_texts: list[str]) -> Rejected | Mapping[str, Totals] | TryLater:
        """Return what was settled where."""

    async def troubles(self) -> list[str]:
        """Return what prevents a payment from being accepted and counted."""


def http_app(
    flow: PaymentFlow, awaiting: AwaitingFlow, meter: Meter, guard: HttpGuard, *, processor_names: Sequence[str]
) -> Sanic[Any, Any]:
    """Return the application, which counts its payments in ``meter``; it opens nothing by itself.

    ``guard`` decides who may see more than others; it is not installed before any route yet.
    """
    app = Sanic("tarifa-ingress", configure_logging=False, error_handler=say.JsonErrors(), request_class=StrictRequest)
    app.config.update(
        {
            "MOTD": False,
            "ACCESS_LOG": False,
            "REQUEST_MAX_SIZE": REQUEST_BYTES_MAX,
            "REQUEST_MAX_HEADER_SIZE": HEADER_BYTES_MAX,
            "REQUEST_TIMEOUT": REQUEST_TIMEOUT_S,
            "RESPONSE_TIMEOUT": RESPONSE_TIMEOUT_S,
            "KEEP_ALIVE_TIMEOUT": KEEP_ALIVE_TIMEOUT_S,
        }
    )
    routes = _PaymentRoutes(flow, HttpWaiting(awaiting), meter, guard, processor_names)
    app.ctx.pay = routes.pay  # for the server, which answers plain payments without the framework
    app.add_route(routes.post_payment, "/payments", methods=["POST"])
    app.add_route(taking(routes.get_payment), "/payments/<payment_id:str>", methods=["GET", "HEAD"])
    app.add_route(taking(routes.get_summary, "from", "to"), "/payments-summary", methods=["GET", "HEAD"])
    app.add_route(taking(routes.get_health), "/healthz", methods=["GET", "HEAD"])
    app.add_route(taking(routes.get_readiness), "/readyz", methods=["GET", "HEAD"])
    add_documents(app)
    answer_as_asked(app)
    return app


Handler = Callable[..., Coroutine[Any, Any, HTTPResponse | None]]


def taking(handler: Handler, *names: str) -> Handler:
    """Return a handler that refuses other names in the query: ``?FROM=`` must not be answered as if it were absent."""

    @wraps(handler)
    async def handle(request: Request, **of_the_path: str) -> HTTPResponse | None:
        asked = request.get_args(keep_blank_values=True) if request.query_string else {}
        refused = parameters_refused(asked, names)
        return await handler(request, **of_the_path) if refused is None else say.negative(refused)

    return handle


class _PaymentRoutes:
    def __init__(
        self, flow: PaymentFlow, waits: HttpWaiting, meter: Meter, guard: HttpGuard, processor_names: Sequence[str]
    ) -> None:
        self._flow = flow
        self._waits = waits
        self._meter = meter
        self._guard = guard
        self._processor_names = processor_names

    async def post_payment(self, request: Request) -> HTTPResponse:
        headers = request.headers
        refused = media_type_refused(headers.get("content-type"), headers.get("content-encoding"))
        if refused is not None:
            return say.negative(refused)
        answer = await self._accept(request.body, traceparent.read_traceparent(headers.getall(traceparent.NAME, [])))
        if isinstance(answer, Accepted | Replayed):
            return await self._waits.paid(request, answer)
        return say.paid(answer)

    async def pay(self, body: bytes) -> HTTPResponse:
        return say.paid(await self._accept(body, None))

    async def _accept(
        self, body: bytes, parent: str | None
    ) -> Rejected | Accepted | Replayed | AmountDiffers | TryLater:
        begun_s = perf_counter()
        answer = await self._flow.accept(body, parent)
        self._meter.answered(answer, (perf_counter() - begun_s) * 1000)
        return answer

    async def get_payment(self, request: Request, payment_id: str) -> HTTPResponse:
        return await self._waits.found(request, payment_id, self._flow.standing)

    async def get_summary(self, request: Request) -> HTTPResponse:
        query = request.get_args(keep_blank_values=True)
        answer = await self._flow.summary(query.getlist("from", []), query.getlist("to", []))
        if isinstance(answer, Rejected | TryLater):
            return say.negative(answer)
        # Those of the settings first, then all others in the book: what was charged does not vanish with a setting.
        names = dict.fromkeys((*self._processor_names, *sorted(answer)))
        return say.ok({name: say.totals(answer.get(name, NO_TOTALS)) for name in names})

    async def get_health(self, _request: Request) -> HTTPResponse:
        return say.ok({"status": "alive"})

    async def get_readiness(self, request: Request) -> HTTPResponse:
        troubles = await self._flow.troubles()
        if not troubles:
            return say.ok({"status": "ready"})
        # Anybody may ask; addresses and the number of waiting payments are only for those who may read.
        shown = troubles if self._guard.may_read(request) else ["the reason is shown to a key with the scope read"]
        return say.negative(TryLater("not_ready", "; ".join(shown)))
