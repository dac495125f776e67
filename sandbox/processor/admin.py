"""The admin calls: configuration, faults, summary, purge, and the whole books for an audit. Each needs the token."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar
from urllib.parse import parse_qs

import orjson

from sandbox.processor.active_faults import ActiveFaults
from sandbox.processor.booking_journal import BookingJournal
from sandbox.processor.books import Books
from sandbox.processor.faults import read_fault_plan
from sandbox.processor.payment import Malformed, cents_text, read_stamp_us
from sandbox.processor.streamed_answer import stream_payments
from sandbox.processor.wire import Exchange, render

# Ten minutes: longer than any caller waits, short enough that a typing mistake does not hold calls for days.
DELAY_MS_MAX: Final = 600_000

_PURGED: Final = render(200, b'{"message":"All payments purged."}')
_NO_CONTENT: Final = render(204)
_UNAUTHORIZED: Final = render(401)


Value = TypeVar("Value")


@dataclass(slots=True)
class Configuration:
    """What the admin calls change while the processor runs; a restart resets it."""

    token: str
    delay_ms: int = 0
    is_failing: bool = False


class Admin:
    """Answers the admin calls, outside the limiter and immediately, except the listing, which is sent in pieces."""

    def __init__(
        self,
        *,
        books: Books,
        journal: BookingJournal,
        configuration: Configuration,
        active_faults: ActiveFaults,
        fee: Decimal,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._books = books
        self._journal = journal
        self._configuration = configuration
        self._active_faults = active_faults
        self._fee = fee
        self._loop = loop
        self.routes: dict[tuple[bytes, bytes], Callable[[Exchange], None]] = {
            (b"GET", b"/admin/payments-summary"): self._guarded(self._summary),
            (b"GET", b"/admin/payments"): self._guarded(self._payments),
            (b"POST", b"/admin/purge-payments"): self._guarded(self._purge),
            (b"GET", b"/admin/faults"): self._guarded(self._faults),
            (b"PUT", b"/admin/faults"): self._guarded(self._set_faults),
            (b"PUT", b"/admin/configurations/token"): self._guarded(self._set_token),
            (b"PUT", b"/admin/configurations/delay"): self._guarded(self._set_delay),
            (b"PUT", b"/admin/configurations/failure"): self._guarded(self._set_failure),
        }

    def _guarded(self, call: Callable[[Exchange], bytes | None]) -> Callable[[Exchange], None]:
        """Return the call for callers with the token, 401 for others; a call that returns None answers by itself."""

        def guarded(exchange: Exchange) -> None:
            is_allowed = exchange.token == self._configuration.token.encode()
            raw = call(exchange) if is_allowed else _UNAUTHORIZED
            if raw is not None:
                exchange.answer(raw)

        return guarded

    def _summary(self, exchange: Exchange) -> bytes:
        """Return the totals of a period and the fee on them, in exact decimals."""
        ends = read_period(exchange.query)
        if isinstance(ends, Malformed):
            return bad_request(ends)
        totals = self._books.totals(*ends)
        amount = cents_text(totals.cents)
        fee = format(Decimal(amount) * self._fee, "f")
        return render(
            200,
            f'{{"totalRequests":{totals.count},"totalAmount":{amount},'
            f'"totalFee":{fee},"feePerTransaction":{self._fee:f}}}'.encode(),
        )

    def _payments(self, exchange: Exchange) -> None:
        """Send everything booked so far, one JSON object per line, for an audit."""
        stream_payments(exchange, list(self._books), self._loop)

    def _faults(self, _: Exchange) -> bytes:
        return render(200, self._active_faults.report())

    def _set_faults(self, exchange: Exchange) -> bytes:
        plan = read_fault_plan(exchange.body)
        if isinstance(plan, Malformed):
            return bad_request(plan)
        self._active_faults.set_plan(plan)
        return render(200, self._active_faults.report())

    def _purge(self, _: Exchange) -> bytes:
        self._journal.purged()
        self._books.purge()
        return _PURGED

    def _set_token(self, exchange: Exchange) -> bytes:
        token = read_field(exchange.body, "token", str)
        if isinstance(token, Malformed):
            return bad_request(token)
        self._configuration.token = token
        return _NO_CONTENT

    def _set_delay(self, exchange: Exchange) -> bytes:
        delay_ms = read_field(exchange.body, "delay", int)
        if isinstance(delay_ms, Malformed):
            return bad_request(delay_ms)
        if not 0 <= delay_ms <= DELAY_MS_MAX:
            return bad_request(Malformed(f"delay is not within 0 and {DELAY_MS_MAX} ms"))
        was, self._configuration.delay_ms = self._configuration.delay_ms, delay_ms
        return render(200, orjson.dumps({"config": "delay", "was": was, "is": delay_ms}))

    def _set_failure(self, exchange: Exchange) -> bytes:
        is_failing = read_field(exchange.body, "failure", bool)
        if isinstance(is_failing, Malformed):
            return bad_request(is_failing)
        was, self._configuration.is_failing = self._configuration.is_failing, is_failing
        return render(200, orjson.dumps({"config": "failure", "was": was, "is": is_failing}))


def bad_request(malformed: Malformed) -> bytes:
    """Return a 400 that says what is wrong."""
    return render(400, orjson.dumps({"message": malformed.why}))


def read_period(query: bytes) -> tuple[int | None, int | None] | Malformed:
    """Return both ends of `?from=&to=` in microseconds, None where one is missing or empty."""
    fields = parse_qs(query.decode("latin-1"))
    ends = []
    for name in ("from", "to"):
        text = fields.get(name, [None])[0]
        end_us = None if text is None else read_stamp_us(text)
        if text is not None and end_us is None:
            return Malformed(f"{name} is not an ISO 8601 stamp")
        ends.append(end_us)
    return ends[0], ends[1]


def read_field(body: bytes, name: str, kind: type[Value]) -> Value | Malformed:
    """Return the one field of a configuration body, of exactly this type (a boolean is not an integer)."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Malformed("the body is not JSON")
    value = fields.get(name) if isinstance(fields, dict) else None
    if type(value) is not kind:
        return Malformed(f"{name} is missing or not of type {kind.__name__}")
    return value
