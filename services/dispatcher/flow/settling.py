"""A payment's end: its settlement is stored, then it is acked, then its lines are dropped; in this order."""

import asyncio
import logging
from datetime import timedelta

from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.money import Cents
from services.contracts.processor_entry import ProcessorGeneration
from services.contracts.stamp import text_of
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.in_hand import InHand
from services.dispatcher.core.outcome import Found
from services.dispatcher.core.pace import backoff_ms
from services.dispatcher.core.trace import trace_of
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.assigning import Assigning
from services.dispatcher.flow.ports import Clock, Queue, SettlementRecords
from services.log_throttle import CountedLog

STORE_AGAIN_FIRST_MS = 50.0
# Summaries use the stamp that the processor recorded, whatever it is. One that none of our attempts can have sent is
# logged: it came from another clock or time zone, or belongs to an id that was charged long ago.
STAMP_WITHIN = timedelta(days=1)

log = logging.getLogger("tarifa.dispatcher")


class Settling:
    """Ends what a processor has booked or refused."""

    def __init__(
        self,
        *,
        traffic: Traffic,
        counters: Counters,
        queue: Queue,
        settlements: SettlementRecords,
        assigning: Assigning,
        clock: Clock,
    ) -> None:
        self._traffic = traffic
        self._counters = counters
        self._queue = queue
        self._settlements = settlements
        self._assigning = assigning
        self._clock = clock
        self._counted = CountedLog(log)
        self._storing: set[asyncio.Future[None]] = set()  # bookings whose settlement is not stored yet

    async def stored(self) -> None:
        """Wait until every booking that is known now is stored as a settlement."""
        if self._storing:
            await asyncio.wait(tuple(self._storing))

    async def booked(self, payment: InHand, processor: ProcessorGeneration, recorded: Found) -> None:
        """Settle a payment as the processor recorded it."""
        self._compare(payment, processor.name, recorded.amount_cents)
        booked_at = recorded.answered_at or self._clock.stamp()
        if not payment.accepted_at - STAMP_WITHIN <= recorded.requested_at <= booked_at + STAMP_WITHIN:
            stamp = text_of(recorded.requested_at)
            self._counted.log(
                logging.WARNING, "payment.stamp_is_far", processor.name, **payment.log_fields, requested_at=stamp
            )
        event = PaymentSettled(
            id=payment.id,
            amount_cents=recorded.amount_cents,
            processor=processor.name,
            requested_at=recorded.requested_at,
            accepted_at=payment.accepted_at,
            payment_seq=payment.seq,
            booked_at=booked_at,
            trace=trace_of(payment),
        )
        storing = asyncio.get_running_loop().create_future()
        self._storing.add(storing)
        try:
            await self._store(event)
        finally:
            self._storing.discard(storing)
            storing.set_result(None)
        self._counters.settled(processor.name, self._clock.now_ms() - payment.since_ms)
        await self._end(payment, f"settled.{processor.name}")

    async def record_refusal(self, payment: InHand, processor: str, detail: str) -> None:
        """Record a refusal whose line counts in the log."""
        self._counted.log(logging.WARNING, "payment.refused", processor, **payment.log_fields, detail=detail)
        event = PaymentRefused(
            id=payment.id,
            amount_cents=payment.amount_cents,
            processor=processor,
            detail=detail,
            accepted_at=payment.accepted_at,
            payment_seq=payment.seq,
            trace=trace_of(payment),
        )
        await self._store(event)
        await self._end(payment, f"refused.{processor}")

    async def already_settled(self, payment: InHand, settlement: PaymentSettled | PaymentRefused) -> None:
        """Ack what was settled earlier, by another process or as an earlier acceptance of the same id."""
        self._compare(payment, settlement.processor, settlement.amount_cents)
        await self._end(payment, "already_settled")

    async def nak(self, payment: InHand, again_after_s: float) -> None:
        """Give a payment back; it is redelivered, here or elsewhere, after ``again_after_s``."""
        for handle in payment.handles.values():
            await self._queue.nak(handle, again_after_s)
        self._traffic.remove(payment)
        self._counters.count("let_go")

    async def _store(self, event: PaymentSettled | PaymentRefused) -> None:
        """Store a settlement, however long it takes: until then the payment stays unacked."""
        tries = 0
        while not await self._settlements.store(event):
            tries += 1
            self._counters.count("settlement_not_stored")
            await self._clock.sleep_ms(STORE_AGAIN_FIRST_MS + backoff_ms(tries, self._clock.jitter()))

    async def _end(self, payment: InHand, what: str) -> None:
        for handle in payment.handles.values():
            await self._queue.ack(handle)
        self._traffic.remove(payment)
        self._assigning.forget(payment.id)
        self._counters.count(what)

    def _compare(self, payment: InHand, processor: str, recorded_cents: Cents) -> None:
        if recorded_cents == payment.amount_cents:
            return
        fields = {"accepted_cents": payment.amount_cents, "recorded_cents": recorded_cents}
        self._counted.log(logging.ERROR, "payment.amount_differs", processor, **payment.log_fields, **fields)
        self._counters.count("amount_differs")
