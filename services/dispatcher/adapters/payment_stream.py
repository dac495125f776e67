"""PAYMENTS and SETTLEMENTS as the dispatcher uses them; keeps the flow's Queue, Records and Source."""

import logging
from collections.abc import Callable

from services.bus.api import ApiError
from services.bus.connection import Bus, BusAwayError
from services.bus.lookup import consumer_state, first_from, last_for, stream_state
from services.bus.publish import Stored, store
from services.bus.streams import ensure_dispatcher
from services.bus.tail import tail
from services.bus.work_queue import Delivery, WorkQueue
from services.contracts import subjects
from services.contracts.events import (
    NotAnEventError,
    PaymentRefused,
    PaymentReleased,
    PaymentSettled,
    SettlementsCleared,
    decode_settlement,
    encode,
)
from services.contracts.stamp import micros_of
from services.dispatcher.adapters.bindings import Bindings
from services.dispatcher.core.binding import BoundTo, mark_of
from services.dispatcher.core.traffic import Head

# No client waits for a settlement; several in one write wake the server once.
STORE_WITHIN_S = 0.01

log = logging.getLogger("tarifa.dispatcher")


class PaymentStream:
    """Keeps the flow's ports Queue, Records and Source.

    Args:
        bus: the connection.
        max_ack_pending: of the durable consumer, as it really is.
        ack_wait_s: of the durable consumer, should it have to be made again.
    """

    def __init__(self, bus: Bus, *, max_ack_pending: int, ack_wait_s: int) -> None:
        self._bus = bus
        self._max_ack_pending = max_ack_pending
        self._ack_wait_s = ack_wait_s
        self._bindings = Bindings(bus)
        self._queue: WorkQueue | None = None
        self._settlements_are_stored = True

    def open(
        self, deliver: Callable[[Delivery], None], set_mark: Callable[[int], None], seq_seen: Callable[[], int]
    ) -> WorkQueue:
        """Return the queue that calls ``deliver``; before each connection's first pull the mark is read and set."""

        async def ensure() -> None:
            await ensure_dispatcher(self._bus, max_ack_pending=self._max_ack_pending, ack_wait_s=self._ack_wait_s)

        async def prepare() -> None:
            await self._bindings.caught_up()
            set_mark(await self._mark(seq_seen()))

        self._queue = WorkQueue(
            self._bus,
            subjects.PAYMENTS,
            subjects.DISPATCHER,
            ensure=ensure,
            prepare=prepare,
            deliver=deliver,
            acks_repeated=self._max_ack_pending,
        )
        return self._queue

    async def follow_bindings(self) -> None:
        """Follow the bindings bucket until cancelled."""
        await self._bindings.run()

    async def _mark(self, seq_seen: int) -> int:
        stream = await stream_state(self._bus, subjects.PAYMENTS)
        consumer = await consumer_state(self._bus, subjects.PAYMENTS, subjects.DISPATCHER)
        newest = await self._newest_settlements(2 * (self._max_ack_pending + 1))
        mark = mark_of(
            stream_last=stream.last_seq,
            delivered=consumer.delivered_seq,
            settled_max=max((_payment_seq(data) for data in newest), default=0),
            seen_max=seq_seen,
            max_ack_pending=self._max_ack_pending,
        )
        log.info("payments.mark", extra={"mark": mark, "last": stream.last_seq, "delivered": consumer.delivered_seq})
        return mark

    async def _newest_settlements(self, count: int) -> list[bytes]:
        """Return at least so many of the newest, if there are: other events take places in the stream too.

        Twice what the mark rests on, since a settlement may be there twice.
        """
        state = await stream_state(self._bus, subjects.SETTLEMENTS)
        window = count
        while True:
            newest = await tail(self._bus, subjects.SETTLEMENTS, subjects.any_settlement("*"), window)
            if len(newest) >= count or window >= state.last_seq:
                return newest
            window *= 2

    # ---- Queue and Source

    @property
    def outstanding(self) -> int:
        """Payments asked for that have not come."""
        return self._queue.outstanding if self._queue else 0

    def pull(self, count: int) -> None:
        """Ask for so many: those that wait, or the next one to come."""
        if self._queue is not None:
            self._queue.pull(count)

    async def ack(self, handle: str) -> None:
        """Have the payment leave the queue."""
        if self._queue is not None:
            await self._queue.ack(handle)

    async def nak(self, handle: str, delay_s: float) -> None:
        """Give it back, to come again after a while."""
        if self._queue is not None:
            await self._queue.nak(handle, delay_s)

    async def in_progress(self, handle: str) -> None:
        """Start the delivery's ack_wait anew."""
        if self._queue is not None:
            await self._queue.in_progress(handle)

    async def head(self, now_ms: float, now_micros: int) -> Head:
        """Return what waits, the age of the oldest told on the clock of the calls."""
        try:
            consumer = await consumer_state(self._bus, subjects.PAYMENTS, subjects.DISPATCHER)
            if consumer.pending == 0:
                return Head(0, now_ms)
            first = await first_from(self._bus, subjects.PAYMENTS, consumer.delivered_seq + 1, subjects.PAYMENTS_ALL)
        except ApiError as error:
            raise BusAwayError(str(error)) from error
        if first is None:
            return Head(0, now_ms)
        return Head(consumer.pending, now_ms - (now_micros - micros_of(first.stored_at)) / 1000)

    # ---- Records

    def has_binding(self, payment_id: str) -> bool:
        """Return whether an entry was seen in the bindings bucket."""
        return payment_id in self._bindings

    async def find_settlement(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """Return what SETTLEMENTS has of the payment; what cannot be read there is no answer."""
        found = await last_for(self._bus, subjects.SETTLEMENTS, subjects.any_settlement(payment_id))
        if found is None:
            return None
        try:
            event = decode_settlement(found.data)
        except NotAnEventError as error:
            log.error("settlement.unreadable", extra={"id": payment_id, "seq": found.seq, "error": str(error)})  # noqa: TRY400
            raise BusAwayError(f"settlement {found.seq} cannot be read: {error}") from error
        if not isinstance(event, PaymentSettled | PaymentRefused):
            raise BusAwayError(f"settlement {found.seq} is a {type(event).__name__}, which its subject denies")
        return event

    async def find_binding(self, payment_id: str) -> BoundTo | None:
        """Return the payment's entry in the bindings bucket."""
        return await self._bindings.find(payment_id)

    async def bind(self, payment_id: str, processor: str, revision: int) -> int | None:
        """Write the entry by compare-and-set; None on a conflict."""
        return await self._bindings.write(payment_id, processor, revision)

    async def store(self, event: PaymentSettled | PaymentRefused) -> bool:
        """Store a settlement; return whether it is stored now."""
        kind = subjects.settled if isinstance(event, PaymentSettled) else subjects.refused
        subject = kind(event.processor, event.id)
        result = await store(self._bus, subjects.SETTLEMENTS, subject, encode(event), within_s=STORE_WITHIN_S)
        is_stored = isinstance(result, Stored)
        if is_stored != self._settlements_are_stored:
            # Said when it begins and when it ends; every payment in hand tries again in between.
            level = logging.INFO if is_stored else logging.ERROR
            log.log(
                level, "settlements.stored" if is_stored else "settlements.not_stored", extra={"result": str(result)}
            )
            self._settlements_are_stored = is_stored
        return is_stored


def _payment_seq(data: bytes) -> int:
    try:
        event = decode_settlement(data)
    except NotAnEventError:
        return 0
    return 0 if isinstance(event, SettlementsCleared | PaymentReleased) else event.payment_seq
