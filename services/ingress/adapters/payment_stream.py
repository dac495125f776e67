"""Payments in the streams: stored means that a PubAck came."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from time import perf_counter
from typing import assert_never

from services.bus.jetstream.api import ApiError
from services.bus.jetstream.publish import Conflict, Duplicate, StoredAt, StreamFull, Unavailable, store, why_not_stored
from services.bus.jetstream.state import stream_state
from services.bus.jetstream.streams import StreamLimits
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects, traceparent
from services.contracts.durations import Durations
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentSettled, SettlementsCleared, encode
from services.contracts.payment import Payment
from services.contracts.store_errors import StoreUnavailableError, UnreadableRecordError
from services.ingress.core.answers import REPEAT_IS_SAFE, Known, Missing, Standing, Stored, TryLater
from services.log_throttle import CountedLog
from services.records.payments import PaymentRecords
from services.records.replica_lookup import ReplicaLookup
from services.records.settlements import SettlementRecords

TROUBLE_TIMEOUT_S = 1.5  # for all that readiness asks; what it stores has as long as a payment
LOOK_WITHIN_S = 0.5
STORE_WITHIN_S = 1.0
# For this long after a payment that was not stored, without one that was, the next would not be either: a stream that
# found no room on the disk stores nothing more until the server is restarted, and does not report it.
NOT_STORED_FOR_S = 10.0
# Anybody may ask for readiness, as often as they like: a result is used for all requests within this time.
TROUBLE_HOLDS_S = 0.5
SETTLEMENT_BYTES = 8192  # more than any takes, with all the attempts of its trace
# More than the page that the file's last write may have left: what fits in there is stored even on a full disk.
TRIAL = bytes(16_384)

log = logging.getLogger("tarifa.ingress")

_LEASES = f"KV_{subjects.LEASES}"

Newest = Callable[[str], Awaitable[PaymentSettled | PaymentRefused | None]]

_STORED = Stored()
_KNOWN = Known()


class JetStreamPayments:
    """PAYMENTS and SETTLEMENTS behind one port; ``limits`` are those of the streams, ``instance`` is our own name.

    The server remembers an id for one window, and forgets those of acked payments when it restarts. So an id is looked
    up in SETTLEMENTS before it is stored, unless the server certainly remembers them all: that is if nothing had ever
    been stored at our start, for one window from then, on the same connection.
    """

    def __init__(self, bus: Bus, limits: StreamLimits, instance: str) -> None:
        self._bus = bus
        self._limits = limits
        self._instance = instance
        self._finding: asyncio.Task[str | None] | None = None
        self._found_from_s = 0.0
        # Of the last payment: when, on which connection, and why.
        self._not_stored: tuple[float, int, str] | None = None
        self._looks_from_s = 0.0  # by the loop's clock
        self._reconnects = bus.reconnects
        self._accepted = PaymentRecords(bus)
        self._settlements = SettlementRecords(bus)
        self._replica_lookup = ReplicaLookup(bus, self._settlements)
        self._counted = CountedLog(log)
        self.store_took = Durations()  # from the publish to the PubAck, whatever its result

    async def open(self) -> None:
        """Check if there is anything that the server could have forgotten. Raises BusUnavailableError, ApiError."""
        now_s = self._now_s()
        states = [await stream_state(self._bus, stream) for stream in (subjects.PAYMENTS, subjects.SETTLEMENTS)]
        if not any(state.last_seq for state in states):
            self._looks_from_s = now_s + self._limits.idempotency_window_s

    async def run(self) -> None:
        """Follow how far SETTLEMENTS has got, until cancelled."""
        await self._replica_lookup.run()

    async def store(self, payment: Payment) -> Stored | Known | TryLater:
        """Store it unless its id is known.

        The message id alone is not enough: the server forgets the ids of acked payments when it restarts, and all ids
        after the window. The expected sequence keeps an id from being in the queue twice, whatever was forgotten.
        """
        payment_id = payment.correlation_id
        if self._server_may_have_forgotten():
            match await self._looked_up(payment_id):
                case Standing() as settled:
                    return Known(settled)
                case TryLater() as later:
                    return later
                case Missing():
                    pass
        data = encode(PaymentAccepted(payment_id, payment.amount_cents, payment.accepted_at))
        subject = subjects.accepted(payment_id)
        begun_s = perf_counter()
        result = await store(
            self._bus,
            subjects.PAYMENTS,
            subject,
            data,
            message_id=payment_id,
            expected_last=0,
            timeout_s=STORE_WITHIN_S,
            more_headers={traceparent.NAME: payment.traceparent} if payment.traceparent else None,
        )
        self.store_took.add((perf_counter() - begun_s) * 1000)
        return self._outcome(result)

    def _outcome(self, result: StoredAt | Duplicate | Conflict | StreamFull | Unavailable) -> Stored | Known | TryLater:
        match result:
            case StoredAt():
                self._not_stored = None
                return _STORED
            case Duplicate() | Conflict():
                return _KNOWN
            case StreamFull(detail):
                self._not_stored = self._now_s(), self._bus.reconnects, detail
                self._counted.log(logging.WARNING, "payment.backlog_full", detail=detail)
                return TryLater("backlog_full", f"PAYMENTS has no room: {detail}; not stored; {REPEAT_IS_SAFE}")
            case Unavailable(detail):
                self._not_stored = self._now_s(), self._bus.reconnects, detail
                return TryLater("nats_away", f"NATS did not confirm: {detail}; {REPEAT_IS_SAFE}")
            case never:
                assert_never(never)

    async def _looked_up(self, payment_id: str) -> Standing | Missing | TryLater:
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                return await self._settlement_by(self._replica_lookup.newest, payment_id)
        except TimeoutError:
            return TryLater("nats_away", f"NATS did not answer whether the id is known; {REPEAT_IS_SAFE}")

    async def accepted(self, payment_id: str) -> Standing | Missing | TryLater:
        """Look it up in PAYMENTS."""
        try:
            found = await self._accepted.find(payment_id)
        except StoreUnavailableError as error:
            return self._not_known(error)
        if found is None:
            return Missing()
        return Standing(found.event, traceparent=found.traceparent)

    async def settlement(self, payment_id: str) -> Standing | Missing | TryLater:
        """Look it up in SETTLEMENTS, whichever processor it was."""
        return await self._settlement_by(self._settlements.newest, payment_id)

    async def _settlement_by(self, newest: Newest, payment_id: str) -> Standing | Missing | TryLater:
        try:
            found = await newest(payment_id)
        except StoreUnavailableError as error:
            return self._not_known(error)
        return Missing() if found is None else _standing(found)

    async def clear(self, at: datetime) -> Stored | TryLater:
        """Store ``settlements.cleared``; stored twice it clears twice, which does no harm."""
        result = await store(self._bus, subjects.SETTLEMENTS, subjects.CLEARED, encode(SettlementsCleared(at)))
        if isinstance(result, StoredAt):
            return _STORED
        return TryLater("not_cleared", f"NATS did not confirm: {why_not_stored(result)}; repeating it is harmless")

    def _not_known(self, error: StoreUnavailableError) -> TryLater:
        if isinstance(error, UnreadableRecordError):
            self._counted.log(logging.ERROR, "payment.unreadable", stream=error.stream, seq=error.seq, error=str(error))
            return TryLater("unreadable", f"what is stored under this id: {error}")
        return TryLater("nats_away", f"NATS did not answer: {error}; {REPEAT_IS_SAFE}")

    def _server_may_have_forgotten(self) -> bool:
        # By the number of reconnects, not by a listener: that may be called later than the first request comes.
        return self._bus.reconnects != self._reconnects or self._now_s() >= self._looks_from_s

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def trouble(self) -> str | None:
        """Return why a payment or its settlement could not be stored now, or None; stores something to check."""
        now_s = self._now_s()
        if self._finding is None or (self._finding.done() and now_s - self._found_from_s > TROUBLE_HOLDS_S):
            self._found_from_s = now_s
            self._finding = asyncio.get_running_loop().create_task(self._find_trouble())
        return await asyncio.shield(self._finding)  # cancelled, a caller gives up for itself alone

    async def _find_trouble(self) -> str | None:
        try:
            async with asyncio.timeout(TROUBLE_TIMEOUT_S):
                subject = subjects.readiness(self._instance)
                tried = await store(self._bus, _LEASES, subject, TRIAL, timeout_s=STORE_WITHIN_S)
                if isinstance(tried, StreamFull | Unavailable):
                    return f"NATS stores nothing: {tried.detail}"
                waiting = await stream_state(self._bus, subjects.PAYMENTS)
                settled = await stream_state(self._bus, subjects.SETTLEMENTS)
        except (BusUnavailableError, ApiError, TimeoutError) as error:
            return f"PAYMENTS: {error or 'no answer in time'}"
        if waiting.messages >= self._limits.backlog_max:
            return f"PAYMENTS: full, {waiting.messages} payments wait"
        if settled.size_bytes + SETTLEMENT_BYTES > self._limits.settlements_bytes_max:
            return f"SETTLEMENTS: full, {settled.size_bytes} bytes; what is accepted waits"
        if self._not_stored is None:
            return None
        at_s, reconnects, detail = self._not_stored
        is_of_now = reconnects == self._bus.reconnects and self._now_s() - at_s < NOT_STORED_FOR_S
        return f"PAYMENTS: the last payment was not stored: {detail}" if is_of_now else None


def _standing(event: PaymentSettled | PaymentRefused) -> Standing:
    return Standing(event, traceparent=event.trace.parent if event.trace else None)
