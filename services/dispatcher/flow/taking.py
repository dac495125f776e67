"""Deliveries taken in hand. What the log says of a payment decides how it continues, never how it was delivered.

If it belongs to nobody, it waits to be routed. If it belongs to a process, it is inherited, for ever, and goes only
where its last line says; but while its owner sends pulses it is given back, since that one may have it in hand. If it
was released, it is for the processor that the operator named. If it is doubtful, because the store went back in time,
every processor is asked first.
"""

import logging
from collections.abc import Callable

from services.contracts import subjects
from services.contracts.assignments import processor_of
from services.contracts.events import NotAnEventError, PaymentAccepted, decode_accepted
from services.contracts.stamp import micros_of
from services.contracts.store_errors import remedy_for
from services.contracts.traceparent import read_traceparent
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.doubt import is_doubtful
from services.dispatcher.core.in_hand import InHand
from services.dispatcher.core.ownership import View
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.doubt_check import DoubtCheck
from services.dispatcher.flow.payment_tasks import PaymentTasks
from services.dispatcher.flow.ports import Clock, Delivery, Queue, StoreWatch
from services.dispatcher.flow.settling import Settling
from services.log_throttle import CountedLog

AGAIN_AFTER_S = 1.0
PAUSED_AGAIN_AFTER_S = 2.0  # long enough to look through others meanwhile, short enough after a resume
UNREADABLE_AGAIN_AFTER_S = 60.0

log = logging.getLogger("tarifa.dispatcher")


class Taking:
    """Takes deliveries in hand.

    Args:
        owner: the name of this process in its lines.
        store: whether it went back in time.
        is_alive: whether another process, by its name in lines, has sent a pulse recently.
        wake: called when something might start.
    """

    def __init__(
        self,
        *,
        owner: str,
        log_read: AssignmentLog,
        traffic: Traffic,
        counters: Counters,
        queue: Queue,
        settling: Settling,
        doubt_check: DoubtCheck,
        store: StoreWatch,
        tasks: PaymentTasks,
        clock: Clock,
        is_alive: Callable[[str], bool],
        wake: Callable[[], None],
    ) -> None:
        self._owner = owner
        self._log_read = log_read
        self._traffic = traffic
        self._counters = counters
        self._queue = queue
        self._settling = settling
        self._doubt_check = doubt_check
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._is_alive = is_alive
        self._wake = wake
        self._counted = CountedLog(log)
        self._is_stopping = False
        self.seq_seen = 0  # the largest sequence of PAYMENTS that was delivered here

    def stop(self) -> None:
        """From here on, give back at once what is delivered."""
        self._is_stopping = True

    def deliver(self, delivery: Delivery) -> None:
        """Take a delivery in hand; that of a payment which is in hand already only adds an ack handle."""
        if self._is_stopping:
            self._nak(delivery.handle, 0)
            return
        try:
            event = decode_accepted(delivery.data)
        except NotAnEventError as error:
            remedy = remedy_for(subjects.PAYMENTS, delivery.seq)
            self._counted.log(logging.ERROR, "payment.unreadable", seq=delivery.seq, error=str(error), remedy=remedy)
            self._counters.count("unreadable")
            self._nak(delivery.handle, UNREADABLE_AGAIN_AFTER_S)
            return
        self.seq_seen = max(self.seq_seen, delivery.seq)
        self._traffic.backlog = delivery.pending
        known = self._traffic.in_hand.get(event.id)
        if known is not None:
            # Also under another sequence: two of one id are one payment, and both are acked when it is settled.
            known.handles[delivery.seq] = delivery.handle
            self._counters.count("redelivered")
            return
        self._take(event, delivery)

    def _take(self, event: PaymentAccepted, delivery: Delivery) -> None:
        payment = InHand(
            id=event.id,
            amount_cents=event.amount_cents,
            accepted_at=event.accepted_at,
            since_ms=self._since_ms(event, delivery),
            seq=delivery.seq,
            handles={delivery.seq: delivery.handle},
        )
        if delivery.traceparent is not None:
            payment.traceparent = read_traceparent([delivery.traceparent])
        view = self._log_read.view(event.id)
        if is_doubtful(self._store.doubt, delivery.seq, view):
            self._traffic.take(payment)
            self._tasks.begin(self._check_doubt(payment), payment)
        else:
            self._continue(payment, view)

    async def _check_doubt(self, payment: InHand) -> None:
        """The store went back in time: nothing here shows whether and where it was charged."""
        if await self._doubt_check.is_ordinary(payment):
            self._traffic.remove(payment)
            self._continue(payment, self._log_read.view(payment.id))

    def _continue(self, payment: InHand, view: View | None) -> None:
        if view is None or (view.state == "free" and not view.released_to):
            if not self._traffic.any_takes_new:
                self._nak_all(payment, PAUSED_AGAIN_AFTER_S)  # what is assigned may be behind it in the stream
                return
            self._traffic.take(payment)
            self._traffic.head_stored_ms = payment.since_ms  # what waits behind it is not older
            self._traffic.to_route(payment)
            self._wake()
        elif view.state == "free":
            self._bind(payment, self._traffic.generation_for_new(view.released_to))
        elif view.state == "refused":
            self._traffic.take(payment)
            processor = processor_of(view.generation)
            self._tasks.begin(self._settling.record_refusal(payment, processor, view.detail), payment)
        else:
            self._inherit(payment, view)

    def _inherit(self, payment: InHand, view: View) -> None:
        if view.owner != self._owner and self._is_alive(view.owner):
            self._nak_all(payment, AGAIN_AFTER_S)
            return
        if view.generation not in self._traffic.generations:
            name = processor_of(view.generation)
            self._counted.log(
                logging.ERROR, "payment.assigned_elsewhere", name, **payment.log_fields, to=view.generation
            )
            self._counters.count("assigned_elsewhere")
            self._nak_all(payment, UNREADABLE_AGAIN_AFTER_S)
            return
        payment.in_doubt = True
        self._bind(payment, view.generation)

    def _bind(self, payment: InHand, generation: str | None) -> None:
        """Have it wait for one processor; beyond what may wait for that one, it waits in the stream."""
        if generation is None or not self._traffic.has_room_at(generation):
            self._nak_all(payment, AGAIN_AFTER_S)
            return
        payment.generation = generation
        self._traffic.take(payment)
        self._traffic.to_resend(payment, self._clock.now_ms(), self._clock.jitter())
        self._wake()

    def _nak_all(self, payment: InHand, delay_s: float) -> None:
        for handle in payment.handles.values():
            self._nak(handle, delay_s)

    def _nak(self, handle: str, delay_s: float) -> None:
        self._tasks.begin(self._queue.nak(handle, delay_s))

    def _since_ms(self, event: PaymentAccepted, delivery: Delivery) -> float:
        """Return since when it waits: the earliest of accepted, stored and delivered here.

        Another machine's clock can shorten a wait, not lengthen it.
        """
        now_ms, now_us = self._clock.now_ms(), micros_of(self._clock.stamp())
        first_us = min(micros_of(event.accepted_at), delivery.stored_ns // 1000, now_us)
        return now_ms - (now_us - first_us) / 1000
