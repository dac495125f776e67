"""The story of a payment in the dispatcher: delivered, routed, attempted, settled, acked.

Delivered and fresh -> routed to a processor -> (moved there by compare-and-set, if it is not the one it is bound to)
-> attempted -> Booked: its settlement stored, then acked. NotBooked: routed again. Unknown: bound, and sent again to
the same processor until it is Booked. Delivered and suspect -> looked up in SETTLEMENTS, taken over, sent again.

The rules are in ``core``: ``binding`` where it may go, ``route`` where it goes, ``outcome`` what came of it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, assert_never

from msgspec.structs import replace

from services.bus.connection import BusAwayError
from services.contracts.events import NotAnEventError, PaymentAccepted, PaymentRefused, PaymentSettled, decode_accepted
from services.contracts.money import Cents
from services.contracts.stamp import micros_of
from services.dispatcher.core import binding as bindings_core
from services.dispatcher.core.binding import BoundTo
from services.dispatcher.core.condition import Health
from services.dispatcher.core.outcome import Booked, Found, NotBooked, Refused, Unknown
from services.dispatcher.core.tally import Tally
from services.dispatcher.core.traffic import InHand, Start, Traffic, backoff_ms
from services.dispatcher.flow.ports import Clock, Delivery, Processor, Queue, Records
from services.telling import Gathered

AGAIN_AFTER_S = 1.0  # a delivery that cannot be told apart now comes again after this
UNREADABLE_AGAIN_AFTER_S = 60.0
STORE_AGAIN_FIRST_MS = 50.0

log = logging.getLogger("tarifa.dispatcher")


class Settling:
    """Settles what is delivered to it; ``on_change`` is called whenever something might start or be fetched."""

    def __init__(
        self,
        *,
        home: str,
        traffic: Traffic,
        queue: Queue,
        records: Records,
        processors: Mapping[str, Processor],
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self._home = home
        self._traffic = traffic
        self._queue = queue
        self._records = records
        self._processors = processors
        self._clock = clock
        self._on_change = on_change
        self._tasks: set[asyncio.Task[None]] = set()
        self._finishing = False
        self.mark = 0
        self.seq_seen = 0
        self._gathered = Gathered(log)
        self.tally = Tally(processors)
        self.counts = self.tally.counts

    def read_mark(self, mark: int) -> None:
        """Set the sequence up to which first deliveries are suspect, read anew for each connection."""
        self.mark = mark

    # ---- delivered

    def deliver(self, delivery: Delivery) -> None:
        """Take a delivery in hand. One that is in hand already only brings a newer ack handle."""
        if self._finishing:
            self._begin(self._queue.nak(delivery.handle, 0))
            return
        try:
            event = decode_accepted(delivery.data)
        except NotAnEventError as error:
            log.error("payment.unreadable", extra={"seq": delivery.seq, "error": str(error)})  # noqa: TRY400
            self._begin(self._queue.nak(delivery.handle, UNREADABLE_AGAIN_AFTER_S))
            return
        self.seq_seen = max(self.seq_seen, delivery.seq)
        self._traffic.backlog = delivery.pending
        known = self._traffic.in_hand.get(event.id)
        if known is not None and known.seq == delivery.seq:
            known.handle = delivery.handle
            self.tally.happened("redelivered")
            return
        if known is not None:
            # The same id accepted twice: one after the other, so that the second finds what became of the first.
            self._begin(self._queue.nak(delivery.handle, AGAIN_AFTER_S))
            return
        self._take(event, delivery)

    def _take(self, event: PaymentAccepted, delivery: Delivery) -> None:
        payment = InHand(
            id=event.id,
            amount_cents=event.amount_cents,
            accepted_at=event.accepted_at,
            accepted_ms=self._on_call_clock(event.accepted_at),
            seq=delivery.seq,
            handle=delivery.handle,
            binding=bindings_core.fresh(self._home),
        )
        self._traffic.take(payment)
        if bindings_core.is_fresh(
            num_delivered=delivery.num_delivered,
            seq=delivery.seq,
            mark=self.mark,
            has_binding=self._records.has_binding(event.id),
        ):
            self._traffic.head_stored_ms = payment.accepted_ms  # what waits behind it is not older
            self._traffic.to_route(payment)
            self._on_change()
        else:
            self._begin(self._take_over(payment), payment)

    async def _take_over(self, payment: InHand) -> None:
        """A suspect payment: whoever held it before can no longer move it, and it is sent only where it is bound."""
        try:
            if (settlement := await self._records.find_settlement(payment.id)) is not None:
                await self._already_settled(payment, settlement)
                return
            found = await self._records.find_binding(payment.id) or BoundTo(self._home, 0)
            if found.processor not in self._processors:
                self._gathered.tell(logging.ERROR, "payment.bound_elsewhere", found.processor, id=payment.id)
                await self._let_go(payment, UNREADABLE_AGAIN_AFTER_S)
                return
            revision = await self._records.bind(payment.id, found.processor, found.revision)
        except BusAwayError:
            await self._let_go(payment, AGAIN_AFTER_S)
            return
        if revision is None:
            await self._let_go(payment, AGAIN_AFTER_S)
            return
        self.tally.happened("taken_over")
        payment.binding = bindings_core.taken_over(found.processor, revision)
        self._resend(payment)

    # ---- routed

    def start(self, start: Start) -> None:
        """Start a call that the traffic allows now."""
        token = self._traffic.evidence(start.processor).sent(self._clock.now_ms())
        start.payment.call = (start.processor, token)
        self._begin(self._attempt(start.payment, start.processor, token), start.payment)

    async def _attempt(self, payment: InHand, processor: str, token: int) -> None:
        evidence = self._traffic.evidence(processor)
        if not await self._may_be_sent(payment, processor):
            evidence.withdrawn(token)
            self._on_change()
            return
        requested_at, begun_ms = self._clock.stamp(), self._clock.now_ms()
        outcome = await self._processors[processor].charge(payment.id, payment.amount_cents, requested_at)
        now_ms = self._clock.now_ms()
        self.tally.ended(processor, outcome, now_ms - begun_ms)
        match outcome:
            case Booked():
                evidence.answered(token, now_ms)
                self._on_change()
                await self._booked(payment, processor, requested_at, outcome.recorded)
            case NotBooked(detail, misconfigured):
                evidence.failed(token, now_ms, at_once=misconfigured)
                self.tally.happened("not_booked")
                log.debug("payment.not_booked", extra={"id": payment.id, "processor": processor, "detail": detail})
                self._again(payment)
            case Refused(detail):
                evidence.answered(token, now_ms)
                await self._refused(payment, processor, detail)
            case Unknown(detail):
                evidence.failed(token, now_ms)
                self._unknown(payment, processor, detail)
            case _:
                assert_never(outcome)

    async def _may_be_sent(self, payment: InHand, processor: str) -> bool:
        if payment.binding.processor != processor:
            return await self._move(payment, processor)
        if payment.attempts == 1:
            return True
        return await self._is_still_bound(payment)

    async def _is_still_bound(self, payment: InHand) -> bool:
        """Before a payment is sent again: another dispatcher may have taken it over, or an operator released it."""
        try:
            found = await self._records.find_binding(payment.id)
        except BusAwayError:
            await self._let_go(payment, AGAIN_AFTER_S)
            return False
        if (found.revision if found else 0) == payment.binding.revision:
            return True
        # Not given back: whoever wrote the entry may hold it. Else it comes again after ack_wait.
        self._gathered.tell(logging.WARNING, "payment.bound_anew", found.processor if found else "", id=payment.id)
        self.tally.happened("bound_anew")
        self._traffic.let_go(payment)
        return False

    async def _move(self, payment: InHand, processor: str) -> bool:
        """Bind a fresh payment to another processor; return whether it may be sent there."""
        bindings_core.must_be_free(payment.binding)  # before the entry is written, or it would lie to whoever is next
        try:
            if (settlement := await self._records.find_settlement(payment.id)) is not None:
                await self._already_settled(payment, settlement)
                return False
            revision = await self._records.bind(payment.id, processor, payment.binding.revision)
        except BusAwayError:
            await self._let_go(payment, AGAIN_AFTER_S)
            return False
        if revision is None:
            # Somebody took it over meanwhile and will see it through.
            self.tally.happened("move_conflict")
            self._traffic.let_go(payment)
            return False
        payment.binding = bindings_core.moved(payment.binding, processor, revision)
        payment.moves += 1
        self.tally.happened("moved")
        return True

    def _again(self, payment: InHand) -> None:
        if payment.binding.may_move:
            self._traffic.to_route_later(payment, self._clock.now_ms(), self._clock.jitter())
            self._on_change()
        else:
            self._resend(payment)

    def _resend(self, payment: InHand) -> None:
        self._traffic.to_resend(payment, self._clock.now_ms(), self._clock.jitter())
        self._on_change()

    def _unknown(self, payment: InHand, processor: str, detail: str) -> None:
        self.tally.happened("unknown")
        self._gathered.tell(logging.WARNING, "payment.unknown", processor, id=payment.id, detail=detail)
        payment.binding = bindings_core.after_unknown(payment.binding)
        self._resend(payment)

    # ---- settled

    async def _booked(self, payment: InHand, processor: str, requested_at: datetime, recorded: Found | None) -> None:
        if recorded is None and payment.binding.stamp_from_processor:
            # An earlier attempt may be the one that was booked: only the processor knows its stamp.
            found = await self._processors[processor].look_up(payment.id)
            if not isinstance(found, Found):
                self._unknown(payment, processor, "booked, but the processor's record of it could not be read")
                return
            recorded = found
        recorded = recorded or Found(payment.amount_cents, requested_at)
        if recorded.amount_cents != payment.amount_cents:
            log.error("payment.amount_differs", extra=_difference(payment, processor, recorded.amount_cents))
            self.tally.happened("amount_differs")
        event = PaymentSettled(
            id=payment.id,
            amount_cents=recorded.amount_cents,
            processor=processor,
            requested_at=recorded.requested_at,
            accepted_at=payment.accepted_at,
            payment_seq=payment.seq,
        )
        await self._store(event)
        self.tally.settled(processor, self._clock.now_ms() - payment.accepted_ms)
        await self._ack(payment, f"settled.{processor}")

    async def _refused(self, payment: InHand, processor: str, detail: str) -> None:
        if not payment.binding.may_move:
            # Another attempt may have charged all the same: only a booking ends this, or an operator.
            self._gathered.tell(logging.ERROR, "payment.refused_after_unknown", processor, id=payment.id)
            self._unknown(payment, processor, detail)
            return
        self._gathered.tell(logging.WARNING, "payment.refused", processor, id=payment.id, detail=detail)
        event = PaymentRefused(
            id=payment.id,
            amount_cents=payment.amount_cents,
            processor=processor,
            detail=detail,
            accepted_at=payment.accepted_at,
            payment_seq=payment.seq,
        )
        await self._store(event)
        await self._ack(payment, f"refused.{processor}")

    async def _already_settled(self, payment: InHand, settlement: PaymentSettled | PaymentRefused) -> None:
        """Ack what an earlier delivery settled, or an earlier acceptance of the same id.

        The mark rests on a settlement for each sequence that left the queue: one of an id accepted anew gets its own.
        """
        if settlement.amount_cents != payment.amount_cents:
            log.error(
                "payment.amount_differs", extra=_difference(payment, settlement.processor, settlement.amount_cents)
            )
            self.tally.happened("amount_differs")
        if settlement.payment_seq != payment.seq:
            await self._store(replace(settlement, payment_seq=payment.seq))
        await self._ack(payment, "already_settled")

    async def _store(self, event: PaymentSettled | PaymentRefused) -> None:
        """Store a settlement, for as long as it takes: until then the payment stays unacked."""
        tries = 0
        while not await self._records.store(event):
            tries += 1
            self.tally.happened("settlement_not_stored")
            await self._clock.sleep_ms(STORE_AGAIN_FIRST_MS + backoff_ms(tries, self._clock.jitter()))

    async def _ack(self, payment: InHand, what: str) -> None:
        await self._queue.ack(payment.handle)
        self._traffic.let_go(payment)
        self.tally.happened(what)
        self._on_change()

    async def _let_go(self, payment: InHand, again_after_s: float) -> None:
        await self._queue.nak(payment.handle, again_after_s)
        self._traffic.let_go(payment)
        self.tally.happened("let_go")
        self._on_change()

    # ---- the rest

    def heard(self, processor: str, health: Health) -> None:
        """Note a health reply, one's own or another dispatcher's."""
        self._traffic.evidence(processor).heard(health)
        self._on_change()

    async def finish(self, within_s: float) -> None:
        """Let the calls under way end, then give back what is in hand; nothing new may be started meanwhile."""
        self._finishing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)
        for payment in tuple(self._traffic.in_hand.values()):
            await self._queue.nak(payment.handle, 0)

    def _on_call_clock(self, stamp: datetime) -> float:
        age_ms = (micros_of(self._clock.stamp()) - micros_of(stamp)) / 1000
        return self._clock.now_ms() - age_ms

    def _begin(self, story: Coroutine[Any, Any, None], payment: InHand | None = None) -> None:
        task = asyncio.get_running_loop().create_task(story)
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, payment))

    def _ended(self, task: asyncio.Task[None], payment: InHand | None) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        # A bug. Unacked and no longer in hand, the payment comes again, as a suspect.
        log.critical("payment.failed", exc_info=task.exception(), extra={"id": payment.id if payment else None})
        self.tally.happened("bug")
        if payment is not None:
            self._traffic.forget(payment)
            self._on_change()


def _difference(payment: InHand, processor: str, recorded_cents: Cents) -> dict[str, object]:
    return {
        "id": payment.id,
        "processor": processor,
        "accepted_cents": payment.amount_cents,
        "recorded_cents": recorded_cents,
    }
