"""Injects the faults between connection and handler: into a call before it is handled, or into its answer.

The handler does not know of it, so what is booked is booked as usual and is in the journal. A fault is counted when
it really happens: a fault of the answer to a booking does not happen if nothing was booked.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import orjson

from sandbox.processor.active_faults import ActiveFaults
from sandbox.processor.call_handler import HEALTH, PAYMENT, PAYMENTS
from sandbox.processor.faults import CallKind, Fault
from sandbox.processor.payment import ProcessorPayment, read_id, read_payment
from sandbox.processor.streamed_answer import send_slowly
from sandbox.processor.wire import DivertedExchange, Exchange, Handler, render

# A connection that is not read does not show that its caller has gone. Longer than any caller waits for an answer.
UNREAD_S: Final = 30.0
# How long after an answer its connection counts as idle, if nothing was received since.
_IDLE_S: Final = 0.02

_MOVED: Final = b"/moved"
_REDIRECTED: Final = render(200, b'{"message":"welcome"}')
_ERROR: Final = render(500)
_NOT_FOUND: Final = render(404)
_BAD_REQUEST: Final = render(400, b'{"message":"bad request"}')
_TOO_MANY: Final = render(429, b'{"message":"too many requests"}', retry_after_s=1)
_REDIRECT_302: Final = render(302, location=_MOVED.decode())
_REDIRECT_307: Final = render(307, location=_MOVED.decode())
_GARBAGE: Final = b"\x15\x03\x01\x00\x02\x02\x46 this is not HTTP \x00\xff"
_UNASKED: Final = render(200, b'{"message":"payment processed successfully"}')
# A 504 proves nothing, so it does not mislead a request that crosses it.
_UNASKED_LAST: Final = render(504).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


class FaultyHandler:
    """Handles calls by another handler, and applies the plan's faults; without faults it costs one check of a flag."""

    def __init__(self, handle: Handler, active_faults: ActiveFaults, loop: asyncio.AbstractEventLoop) -> None:
        self._handle = handle
        self._active_faults = active_faults
        self._loop = loop
        self._instead: dict[Fault, Callable[[Exchange], None]] = {
            Fault.CLOSE_BEFORE_BOOKING: _hang_up,
            Fault.ERROR_BEFORE_BOOKING: _answers(_ERROR),
            Fault.TOO_MANY_REQUESTS: _answers(_TOO_MANY),
            Fault.BAD_REQUEST: _answers(_BAD_REQUEST),
            Fault.REDIRECT_302: _answers(_REDIRECT_302),
            Fault.REDIRECT_307: _answers(_REDIRECT_307),
            Fault.UNREAD: self._stop_reading,
            Fault.BOOK_LATE: self._hold,
            Fault.LOOK_UP_ERROR: _answers(_ERROR),
            Fault.LOOK_UP_HANG: _hang,
            Fault.LOOK_UP_CLOSE: _hang_up,
            Fault.HEALTH_ERROR: _answers(_ERROR),
            Fault.HEALTH_HANG: _hang,
            Fault.HEALTH_CLOSE: _hang_up,
        }
        self._after: dict[Fault, Callable[[Exchange, bytes], None]] = {
            Fault.CLOSE_AFTER_BOOKING: lambda exchange, _: _hang_up(exchange),
            Fault.HANG_AFTER_BOOKING: lambda exchange, _: _hang(exchange),
            Fault.HALF_ANSWER: _send_half_and_hang_up,
            Fault.GARBAGE_ANSWER: lambda exchange, _: _hang_up(exchange, _GARBAGE),
            Fault.ERROR_AFTER_BOOKING: lambda exchange, _: exchange.answer(_ERROR),
            Fault.SLOW_ANSWER: lambda exchange, raw: send_slowly(exchange, raw, active_faults.plan.byte_ms, loop),
            Fault.LATE_ANSWER: self._answer_late,
            Fault.UNASKED_BEHIND: self._answer_twice,
        }

    def handle(self, exchange: Exchange) -> None:
        """Pass the exchange on, or apply its fault."""
        if self._active_faults.has_no_faults:
            self._handle(exchange)
        else:
            self._handle_by_plan(exchange)

    def _handle_by_plan(self, exchange: Exchange) -> None:
        call = call_of(exchange)
        if call is None:
            self._handle_without_fault(exchange)
            return
        fault = self._active_faults.next_fault(call)
        if fault in self._instead:
            self._active_faults.count(fault)
            self._instead[fault](exchange)
        elif call is CallKind.CHARGE:
            self._charge(exchange, fault)
        elif fault is Fault.LOOK_UP_STALE and self._is_booked_recently(exchange):
            self._active_faults.count(fault)
            exchange.answer(_NOT_FOUND)
        elif fault is Fault.HEALTH_LIE:
            self._handle(DivertedExchange(exchange, self._negate_health))
        else:
            self._handle(exchange)

    def _handle_without_fault(self, exchange: Exchange) -> None:
        """Handle a call without a fault; a caller that follows a redirect gets a meaningless 200."""
        if exchange.path == _MOVED:
            self._active_faults.redirects_followed += 1
            exchange.answer(_REDIRECTED)
        else:
            self._handle(exchange)

    # Charges.

    def _charge(self, exchange: Exchange, fault: Fault | None) -> None:
        """Let the payment be handled, then apply the fault to its answer."""

        def diverted(original: Exchange, raw: bytes) -> None:
            status = raw[9:12]
            if status in (b"200", b"422"):  # it is booked, by this call or before
                self._remember(original, is_new=status == b"200", fault=fault)
                self._answer_charge(original, raw, fault)
            else:
                original.answer(raw)

        self._handle(DivertedExchange(exchange, diverted))

    def _answer_charge(self, exchange: Exchange, raw: bytes, fault: Fault | None) -> None:
        if fault is Fault.UNASKED_WHEN_IDLE:
            exchange.answer(raw)
            self._loop.call_later(_IDLE_S, self._send_unasked, exchange)
        elif fault is None:
            exchange.answer(raw)
        else:
            self._active_faults.count(fault)
            self._after[fault](exchange, raw)

    def _remember(self, exchange: Exchange, *, is_new: bool, fault: Fault | None) -> None:
        """Remember a booking that a stale look-up may answer with 404: a new one, unless its answer is a 5xx."""
        payment = read_payment(exchange.body)
        if not isinstance(payment, ProcessorPayment):
            return
        if fault is Fault.ERROR_AFTER_BOOKING:
            self._active_faults.recent_bookings.discard(payment.correlation_id)
        elif is_new:
            self._active_faults.recent_bookings.add(payment.correlation_id, self._now_ms())

    def _hold(self, exchange: Exchange) -> None:
        self._active_faults.held += 1
        self._loop.call_later(self._active_faults.plan.late_ms / 1000, self._handle_held, exchange)

    def _handle_held(self, exchange: Exchange) -> None:
        self._active_faults.held -= 1
        self._charge(exchange, None)

    def _stop_reading(self, exchange: Exchange) -> None:
        exchange.connection.stop_reading()
        self._loop.call_later(UNREAD_S, exchange.connection.abort)

    def _answer_late(self, exchange: Exchange, raw: bytes) -> None:
        self._loop.call_later(self._active_faults.plan.late_ms / 1000, exchange.answer, raw)

    def _answer_twice(self, exchange: Exchange, raw: bytes) -> None:
        """Send both in one piece: before the next request, so that the caller can know that it answers nothing.

        A caller that takes it for the answer to its next request is wrong about that payment, which is never read.
        """
        exchange.answer(raw + _UNASKED)
        self._stop_reading(exchange)

    def _send_unasked(self, exchange: Exchange) -> None:
        if exchange.connection.is_idle:
            self._active_faults.count(Fault.UNASKED_WHEN_IDLE)
            exchange.connection.write(_UNASKED_LAST)
            exchange.connection.close()

    # Look-ups and health.

    def _is_booked_recently(self, exchange: Exchange) -> bool:
        correlation_id = read_id(exchange.path[len(PAYMENT) :].decode("latin-1"))
        return correlation_id is not None and self._active_faults.recent_bookings.has(correlation_id, self._now_ms())

    def _negate_health(self, exchange: Exchange, raw: bytes) -> None:
        head, _, body = raw.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 200 "):
            health = orjson.loads(body)
            raw = render(200, orjson.dumps(health | {"failing": not health["failing"]}))
            self._active_faults.count(Fault.HEALTH_LIE)
        exchange.answer(raw)

    def _now_ms(self) -> int:
        return round(self._loop.time() * 1000)


def call_of(exchange: Exchange) -> CallKind | None:
    """Return the kind of call, None if it has no faults."""
    if exchange.method == b"POST":
        return CallKind.CHARGE if exchange.path == PAYMENTS else None
    if exchange.method == b"GET" and exchange.path.startswith(PAYMENT):
        return CallKind.HEALTH if exchange.path == HEALTH else CallKind.LOOK_UP
    return None


def _answers(raw: bytes) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.answer(raw)


def _hang(_: Exchange) -> None:
    """Never answer; the connection stays open until the caller closes it."""


def _hang_up(exchange: Exchange, last_bytes: bytes = b"") -> None:
    """Send these bytes, then close the connection."""
    exchange.keep_alive = False
    exchange.answer(last_bytes)


def _send_half_and_hang_up(exchange: Exchange, raw: bytes) -> None:
    head, separator, body = raw.partition(b"\r\n\r\n")
    _hang_up(exchange, head + separator + body[: len(body) // 2])
