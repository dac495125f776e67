"""What happens to a call, and when: limiter, delay, failure flag, booking, in exactly the official order.

A payment that has passed the limiter is processed, whatever the caller does or fails to do.
"""

import asyncio
from typing import Final

import orjson

from sandbox.processor.admin import Admin, Configuration, bad_request
from sandbox.processor.booking_journal import BookingJournal
from sandbox.processor.books import Books
from sandbox.processor.limits import Admission, HealthWindow, Limiter
from sandbox.processor.payment import Malformed, ProcessorPayment, payment_json, read_id, read_payment
from sandbox.processor.wire import Exchange, render

PAYMENTS: Final = b"/payments"
PAYMENT: Final = b"/payments/"
HEALTH: Final = b"/payments/service-health"

_BOOKED: Final = render(200, b'{"message":"payment processed successfully"}')
_FAILED: Final = render(500)
_NOT_FOUND: Final = render(404)
_WRONG_METHOD: Final = render(405)


class CallHandler:
    """Answers every exchange of every connection; single-threaded, without its own task."""

    def __init__(
        self,
        *,
        books: Books,
        journal: BookingJournal,
        configuration: Configuration,
        admin: Admin,
        limiter: Limiter[Exchange],
        health_window: HealthWindow[Exchange],
        retry_after_s: int,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._books = books
        self._journal = journal
        self._configuration = configuration
        self._limiter = limiter
        self._health_window = health_window
        self._loop = loop
        self._too_many = render(429, b'{"message":"too many requests"}', retry_after_s=retry_after_s)
        self._routes = {
            (b"POST", PAYMENTS): self._admit,
            (b"GET", HEALTH): self._answer_or_hold_health,
            **admin.routes,
        }
        self._paths = {path for _, path in self._routes}

    def handle(self, exchange: Exchange) -> None:
        """Answer the exchange, now or later; its caller may have hung up by then."""
        route = self._routes.get((exchange.method, exchange.path))
        if route is not None:
            route(exchange)
        elif exchange.path in self._paths:
            exchange.answer(_WRONG_METHOD)
        elif exchange.path.startswith(PAYMENT):
            self._look_up_or_refuse(exchange)
        else:
            exchange.answer(_NOT_FOUND)

    # The limiter, shared by payments and look-ups.

    def _admit(self, exchange: Exchange) -> None:
        admission = self._limiter.arrive(exchange)
        if admission is Admission.ENTERED:
            self._start(exchange)
        elif admission is Admission.REFUSED:
            exchange.answer(self._too_many)

    def _look_up_or_refuse(self, exchange: Exchange) -> None:
        if exchange.method == b"GET":
            self._admit(exchange)
        else:
            exchange.answer(_WRONG_METHOD)

    def _start(self, exchange: Exchange) -> None:
        if exchange.method == b"GET":
            self._look_up(exchange)
        else:
            self._read_and_charge(exchange)

    def _finish(self, exchange: Exchange, raw: bytes) -> None:
        exchange.answer(raw)
        waiting = self._limiter.leave()
        if waiting is not None:
            self._loop.call_soon(self._start, waiting)  # not directly: without a delay the whole queue would recurse

    # One payment.

    def _read_and_charge(self, exchange: Exchange) -> None:
        """Read the payment and wait for the delay that is configured now."""
        payment = read_payment(exchange.body)
        if isinstance(payment, Malformed):
            self._finish(exchange, bad_request(payment))
        elif self._configuration.delay_ms > 0:
            self._loop.call_later(self._configuration.delay_ms / 1000, self._charge, exchange, payment)
        else:
            self._charge(exchange, payment)

    def _charge(self, exchange: Exchange, payment: ProcessorPayment) -> None:
        """Book the payment after the delay, unless the processor is failing then, or has it already."""
        if self._configuration.is_failing:
            self._finish(exchange, _FAILED)
        elif payment.correlation_id in self._books:
            self._finish(exchange, already_exists(payment))
        else:
            self._journal.booked(payment)
            self._books.book(payment)
            self._finish(exchange, _BOOKED)

    def _look_up(self, exchange: Exchange) -> None:
        """Return the payment as booked: without delay and despite the failure flag."""
        correlation_id = read_id(exchange.path[len(PAYMENT) :].decode("latin-1"))
        payment = None if correlation_id is None else self._books.find(correlation_id)
        self._finish(exchange, _NOT_FOUND if payment is None else render(200, payment_json(payment)))

    # Health.

    def _answer_or_hold_health(self, exchange: Exchange) -> None:
        self._health_window.forget(_is_abandoned)
        admission = self._health_window.arrive(self._now_ms(), exchange)
        if admission is Admission.ENTERED:
            self._answer_health(exchange)
        elif admission is Admission.REFUSED:
            exchange.answer(self._too_many)
        else:
            self._wait_for_window()

    def _wait_for_window(self) -> None:
        """Continue when the next window opens; one timer too many does no harm, since a window serves only one call."""
        opens_in_ms = self._health_window.opens_in_ms(self._now_ms())
        self._loop.call_later(opens_in_ms / 1000, self._open_window)

    def _open_window(self) -> None:
        self._health_window.forget(_is_abandoned)
        exchange = self._health_window.release(self._now_ms())
        if exchange is not None:
            self._answer_health(exchange)
        if self._health_window.has_held:
            self._wait_for_window()

    def _answer_health(self, exchange: Exchange) -> None:
        """Return the configuration, which need not be what callers observe."""
        configuration = self._configuration
        health = {"failing": configuration.is_failing, "minResponseTime": configuration.delay_ms}
        exchange.answer(render(200, orjson.dumps(health)))

    def _now_ms(self) -> int:
        return round(self._loop.time() * 1000)


def already_exists(payment: ProcessorPayment) -> bytes:
    """Return the 422 for an id that is booked here, whatever its amount was."""
    message = f"Payment could not be processed. CorrelationId already exists: {payment.correlation_id}."
    return render(422, orjson.dumps({"message": message}))


def _is_abandoned(exchange: Exchange) -> bool:
    return exchange.is_abandoned
