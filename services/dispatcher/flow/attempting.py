"""One attempt: assigned, looked up, asked about if in doubt, sent; and what its outcome means.

Booked: it is settled. NotBooked and first-hand: it goes to another processor now, by a line that moves it, or back to
those that wait, by a line that returns it. Unknown: it is in doubt and stays with this processor, which is asked before
each further attempt. Refused: it is sent there again, and the refusal counts if another payment was booked meanwhile.

The rules are in ``core``: ``ownership`` where it may go, ``route`` where it goes, ``outcome`` what a reply means.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

from services.contracts.assignments import processor_of
from services.contracts.traceparent import child_of
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.in_hand import InHand, Start, attempted
from services.dispatcher.core.outcome import Booked, Found, NotBooked, Outcome, Refused, Unknown
from services.dispatcher.core.ownership import is_first_hand, is_new_at, may_move
from services.dispatcher.core.refusals import Refusals
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.assigning import Assigning
from services.dispatcher.flow.payment_tasks import PaymentTasks
from services.dispatcher.flow.ports import ChargingProcessor, Clock
from services.dispatcher.flow.send_permission import AlreadySettled, NotOwned, Owned
from services.dispatcher.flow.settling import Settling
from services.log_throttle import CountedLog

AGAIN_AFTER_S = 1.0
RETURN_WITHIN_S = 3.0  # if the log cannot be written now, what is in hand will be inherited instead

log = logging.getLogger("tarifa.dispatcher")


class Attempting:
    """Makes the attempts that the traffic allows; ``processors``, by generation, may change meanwhile."""

    def __init__(
        self,
        *,
        traffic: Traffic,
        counters: Counters,
        log_read: AssignmentLog,
        processors: Mapping[str, ChargingProcessor],
        assigning: Assigning,
        settling: Settling,
        tasks: PaymentTasks,
        clock: Clock,
    ) -> None:
        self._traffic = traffic
        self._counters = counters
        self._log_read = log_read
        self._processors = processors
        self._assigning = assigning
        self._settling = settling
        self._tasks = tasks
        self._clock = clock
        self._refusals: defaultdict[str, Refusals] = defaultdict(Refusals)
        self._counted = CountedLog(log)

    def start(self, start: Start) -> None:
        """Start a call that ``Traffic.starts`` returned: it holds a slot of its processor from now on."""
        token = self._traffic.evidence(start.generation).sent(self._clock.now_ms())
        start.payment.call = (start.generation, token)
        self._tasks.begin(self._attempt(start.payment, start.generation, token), start.payment)

    async def finish(self, within_s: float) -> None:
        """Let the calls under way end, then give back what is in hand; nothing new may be started meanwhile.

        What may still move is first written as returned. What is still under way then may be booked, or is booked and
        its settlement is not stored yet: its line stays, and it is redelivered as one that another process had in hand.
        """
        await self._tasks.finish(within_s)
        under_way = self._tasks.payments()
        idle = [payment for payment in self._traffic.in_hand.values() if payment not in under_way]
        returning = [payment for payment in idle if payment.line and self._may_move(payment)]
        if returning:
            writing = [asyncio.ensure_future(self._assigning.write_returned(payment)) for payment in returning]
            await asyncio.wait(writing, timeout=RETURN_WITHIN_S)
        for payment in tuple(self._traffic.in_hand.values()):
            await self._settling.nak(payment, 0)

    async def _attempt(self, payment: InHand, generation: str, token: int) -> None:
        evidence, processor = self._traffic.evidence(generation), processor_of(generation)
        is_new = is_new_at(self._log_read.view(payment.id), generation)
        if not await self._may_be_sent(payment, generation):
            evidence.withdrawn(token)
            return
        if is_new and not self._traffic.takes_new(generation):  # paused while its line was being written
            evidence.withdrawn(token)
            await self._not_booked(payment, generation)
            return
        if payment.in_doubt and isinstance(found := await self._processors[generation].look_up(payment.id), Found):
            evidence.withdrawn(token)  # a look-up is neither as slow nor as likely to fail as a payment
            await self._settling.booked(payment, self._processors[generation].registered, found)
            return
        evidence.withdrawn(token)  # what was waited for until here says nothing about the processor
        requested_at, begun_ms = self._clock.stamp(), self._clock.now_ms()
        outcome = await self._charge(payment, generation, requested_at, begun_ms)
        match outcome:
            case Booked(recorded, answered_at):
                self._refusals[generation].booked(begun_ms, self._traffic.in_hand)
                if recorded is None and payment.in_doubt:
                    await self._booked_by_some_attempt(payment, generation)
                else:
                    # A 2xx alone shows that this attempt's own amount and stamp were recorded.
                    own = Found(payment.amount_cents, requested_at, answered_at)
                    await self._settling.booked(payment, self._processors[generation].registered, recorded or own)
            case NotBooked(detail):
                log.debug("payment.not_booked", extra={**payment.log_fields, "processor": processor, "detail": detail})
                if outcome.misconfigured:
                    self._counted.log(logging.ERROR, "processor.misconfigured", processor, detail=detail)
                await self._not_booked(payment, generation)
            case Refused(detail):
                await self._refused(payment, generation, detail)
            case Unknown(detail):
                self._unknown(payment, generation, detail)
            case _:
                assert_never(outcome)

    async def _charge(self, payment: InHand, generation: str, requested_at: datetime, begun_ms: float) -> Outcome:
        """Make one call, and record what its outcome shows about the payment and the processor."""
        processor, token = processor_of(generation), self._traffic.evidence(generation).sent(begun_ms)
        payment.call, payment.sent_at = (generation, token), requested_at
        span_id, traceparent = self._span(payment)
        outcome = await self._processors[generation].charge(payment.id, payment.amount_cents, requested_at, traceparent)
        now_ms, payment.sent_at = self._clock.now_ms(), None
        payment.note(attempted(requested_at, processor, now_ms - begun_ms, outcome, span_id))
        self._counters.ended(processor, outcome, now_ms - begun_ms)
        self._note(outcome, generation, token, now_ms)
        self._tasks.changed()
        return outcome

    def _span(self, payment: InHand) -> tuple[str, str] | tuple[None, None]:
        """Return the attempt's own span and the header with it; two Nones for a payment that belongs to no trace."""
        if payment.traceparent is None:
            return None, None
        span_id = self._clock.span_id()
        return span_id, child_of(payment.traceparent, span_id)

    def _note(self, outcome: Outcome, generation: str, token: int, now_ms: float) -> None:
        """Add the outcome of a call to the evidence about the processor."""
        evidence = self._traffic.evidence(generation)
        match outcome:
            case Booked():
                evidence.answered(token, now_ms)
            case NotBooked(_, misconfigured):
                evidence.failed(token, now_ms, at_once=misconfigured)
                self._counters.count("not_booked")
            case Refused():
                evidence.withdrawn(token)  # other payments show whether it serves or refuses everything
            case Unknown():
                evidence.failed(token, now_ms)

    async def _may_be_sent(self, payment: InHand, generation: str) -> bool:
        moves = bool(payment.line) and payment.generation != generation
        before = self._log_read.view(payment.id)
        released_to = "" if before is None else before.released_to
        is_for_another = released_to not in {"", processor_of(generation)}
        is_paused = is_new_at(before, generation) and not self._traffic.takes_new(generation)
        if is_for_another or is_paused:
            await self._settling.nak(payment, AGAIN_AFTER_S)  # it is redelivered to where it may be sent then
            return False
        # In doubt at another one: it is charged here or nowhere, and a refusal here does not mean that nobody has.
        payment.in_doubt = payment.in_doubt or released_to != ""
        match await self._assigning.may_send(payment, generation):
            case Owned(at):
                view = self._log_read.view(payment.id)
                if view is None or not is_first_hand(view, self._assigning.owner):
                    if not payment.line:
                        self._counters.count("taken_over")
                    payment.in_doubt = True
                payment.line, payment.generation = at, generation
                if moves:
                    self._counters.count("moved")
                return True
            case AlreadySettled(event):
                await self._settling.already_settled(payment, event)
                return False
            case NotOwned():
                self._counters.count("not_mine")
                await self._settling.nak(payment, AGAIN_AFTER_S)
                return False
            case never:
                assert_never(never)

    async def _booked_by_some_attempt(self, payment: InHand, generation: str) -> None:
        """A 2xx after an attempt of unknown outcome: the earlier one may have been booked; only its record shows it."""
        processor = self._processors[generation]
        found = await processor.look_up(payment.id)
        if isinstance(found, Found):
            await self._settling.booked(payment, processor.registered, found)
        else:
            self._unknown(payment, generation, "booked, but the processor's record of it could not be read")

    async def _not_booked(self, payment: InHand, generation: str) -> None:
        if not self._may_move(payment):
            self._resend(payment)
            return
        start = self._traffic.elsewhere(payment, generation, self._clock.now_ms())
        if start is not None:
            self.start(start)
        elif await self._assigning.write_returned(payment):
            payment.line, payment.generation = 0, ""
            self._traffic.to_route_later(payment, self._clock.now_ms(), self._clock.jitter())
        else:
            await self._settling.nak(payment, AGAIN_AFTER_S)

    async def _refused(self, payment: InHand, generation: str, detail: str) -> None:
        name = processor_of(generation)
        if not self._may_move(payment):
            # Another attempt may have charged even so: only a booking ends this, or an operator.
            self._counted.log(logging.ERROR, "payment.refused_in_doubt", name, **payment.log_fields, detail=detail)
            self._counters.count("refused_in_doubt")
            self._resend(payment)
            return
        match self._refusals[generation].refused(payment.id, self._clock.now_ms()):
            case "counts":
                await self._refuse(payment, generation, detail)
            case "provisional":
                self._resend(payment)
            case "misconfigured":
                self._traffic.evidence(generation).broken(self._clock.now_ms())
                self._counted.log(logging.ERROR, "processor.refuses_everything", name, detail=detail)
                await self._not_booked(payment, generation)

    async def _refuse(self, payment: InHand, generation: str, detail: str) -> None:
        if await self._assigning.write_refused(payment, detail):
            await self._settling.record_refusal(payment, processor_of(generation), detail)
        else:
            await self._settling.nak(payment, AGAIN_AFTER_S)

    def _unknown(self, payment: InHand, generation: str, detail: str) -> None:
        self._counters.count("unknown")
        name = processor_of(generation)
        self._counted.log(logging.WARNING, "payment.unknown", name, **payment.log_fields, detail=detail)
        payment.in_doubt = True
        self._resend(payment)

    def _resend(self, payment: InHand) -> None:
        self._traffic.to_resend(payment, self._clock.now_ms(), self._clock.jitter())

    def _may_move(self, payment: InHand) -> bool:
        view = self._log_read.view(payment.id)
        return may_move(view, self._assigning.owner, payment.line, in_doubt=payment.in_doubt)
