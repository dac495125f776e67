"""PAYMENTS for the dispatcher; implements the flow's ports Queue and Source."""

from collections.abc import Awaitable, Callable

from services.bus.jetstream.api import ApiError
from services.bus.jetstream.lookup import first_from
from services.bus.jetstream.state import consumer_state, stream_state
from services.bus.jetstream.work_queue import Delivery, WorkQueue
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.stamp import micros_of
from services.contracts.store_errors import StoreUnavailableError
from services.dispatcher.core.in_hand import Head

ACKS_REPEATED = 4_096  # more than are acked between two writes of the consumer's state


class PaymentStream:
    """Implements the flow's ports ``Queue`` and ``Source``; before ``open`` it has nothing and drops what is asked."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._queue: WorkQueue | None = None

    def open(
        self,
        deliver: Callable[[Delivery], None],
        ensure: Callable[[], Awaitable[None]],
        prepare: Callable[[], Awaitable[None]],
    ) -> WorkQueue:
        """Return the queue that calls ``deliver``.

        Before each connection's first pull, and where the consumer is gone, ``ensure`` creates what is missing, and
        ``prepare`` reads what must be known.
        """
        self._queue = WorkQueue(
            self._bus,
            subjects.PAYMENTS,
            subjects.DISPATCHER,
            ensure=ensure,
            prepare=prepare,
            deliver=deliver,
            acks_repeated=ACKS_REPEATED,
        )
        return self._queue

    @property
    def outstanding(self) -> int:
        """How many payments were asked for and have not come."""
        return self._queue.outstanding if self._queue else 0

    @property
    def is_open(self) -> bool:
        """Whether this connection's store was checked, and read as far as necessary."""
        return self._queue is not None and self._queue.is_open

    def pull(self, count: int) -> None:
        """Ask for so many: those that wait, or the next one to come."""
        if self._queue is not None:
            self._queue.pull(count)

    async def ack(self, handle: str) -> None:
        """Remove the payment from the queue."""
        if self._queue is not None:
            await self._queue.ack(handle)

    async def nak(self, handle: str, delay_s: float) -> None:
        """Give it back, to be redelivered after ``delay_s``."""
        if self._queue is not None:
            await self._queue.nak(handle, delay_s)

    async def in_progress(self, handle: str) -> None:
        """Have the server wait another ack_wait before it redelivers this one."""
        if self._queue is not None:
            await self._queue.in_progress(handle)

    async def waiting(self) -> int | None:
        """Return how many payments the stream holds, in hand or not; None while NATS does not answer."""
        try:
            return (await stream_state(self._bus, subjects.PAYMENTS)).messages
        except (ApiError, BusUnavailableError):
            return None

    async def head(self, now_ms: float, now_micros: int) -> Head:
        """Return what waits, with the age of the oldest on the clock of the calls."""
        try:
            consumer = await consumer_state(self._bus, subjects.PAYMENTS, subjects.DISPATCHER)
            if consumer.pending == 0:
                return Head(0, now_ms)
            first = await first_from(self._bus, subjects.PAYMENTS, consumer.delivered_seq + 1, subjects.PAYMENTS_ALL)
        except (ApiError, BusUnavailableError) as error:
            raise StoreUnavailableError(str(error)) from error
        if first is None:
            return Head(0, now_ms)
        return Head(consumer.pending, now_ms - (now_micros - micros_of(first.stored_at)) / 1000)
