"""``dispatcher.payment`` and ``dispatcher.payments``: what is known of payments that are not settled.

Every dispatcher gets every request. For one payment the one that has it in hand answers at once; the others, which know
only what the log says, a little later, so that the first answer is the best. For many payments each answers.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from msgspec.structs import replace

from services.bus.jetstream.lookup import first_from
from services.bus.jetstream.stored_message import StoredMessage
from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message
from services.contracts import holding, subjects
from services.contracts.assignments import AssignmentReleased, TurnAssigned, decode_assignment, processor_of
from services.contracts.events import NotAnEventError
from services.contracts.holding import AssignmentMade, Holding, HoldingAsked, HoldingsAnswered
from services.dispatcher.adapters.clock import DispatcherClock
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.core.unsettled_payments import UnsettledPayments

BY_LOG_AFTER_S = 0.1
LINES_MAX = 20  # lines of one payment that are returned
LINES_WITHIN_S = 0.2  # the caller does not wait long, and the lines are the least important part

log = logging.getLogger("tarifa.dispatcher")


class Others(Protocol):
    """The other dispatcher processes, by their pulses."""

    def owners(self) -> tuple[str, ...]:
        """Return those with a recent pulse."""

    def is_gone(self, owner: str) -> bool:
        """Return whether a process has sent none for a while."""


class PaymentEndpoint:
    """Answers for one dispatcher; ``alive`` are the other dispatcher processes with a recent pulse."""

    def __init__(self, bus: Bus, log_read: AssignmentLog, traffic: Traffic, owner: str, alive: Others) -> None:
        self._bus = bus
        self._log_read = log_read
        self._traffic = traffic
        self._owner = owner
        self._others = alive.owners
        self._unsettled = UnsettledPayments(log_read, traffic, DispatcherClock().stamp_of, alive.is_gone)
        self._answering: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Answer from now on."""
        await self._bus.subscribe(subjects.DISPATCHER_PAYMENT, self._asked)
        await self._bus.subscribe(subjects.DISPATCHER_PAYMENTS, self._asked_for_many)

    def _asked(self, message: Message) -> None:
        try:
            asked = holding.decode_asked(message.data)
        except NotAnEventError as error:
            log.info("payment_endpoint.bad_request", extra={"error": str(error)})
            return
        if not message.reply:
            return
        if asked.id in self._traffic.in_hand:
            self._begin(self._answer(asked, message.reply, after_s=0))
        elif self._log_read.view(asked.id) is not None:
            self._begin(self._answer(asked, message.reply, after_s=BY_LOG_AFTER_S))

    def _asked_for_many(self, message: Message) -> None:
        try:
            asked = holding.decode_many_asked(message.data)
        except NotAnEventError as error:
            log.info("payment_endpoint.bad_request", extra={"error": str(error)})
            return
        if not message.reply:
            return
        found, looked_to = self._unsettled.page(asked)
        some = holding.fitting(found)
        if len(some) < len(found):
            looked_to = found[len(some)].seq - 1
        self._publish(message.reply, HoldingsAnswered(self._owner, self._others(), some, looked_to))

    def _begin(self, answering: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(answering)
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, asked: HoldingAsked, reply: str, *, after_s: float) -> None:
        await asyncio.sleep(after_s)
        known = self._unsettled.one(asked.id)
        if known is None:
            return
        if asked.life:
            attempts = self._unsettled.attempts(asked.id)
            known = replace(known, attempts_made=attempts, assignments=await self._assignments(asked.id))
        self._publish(reply, replace(known, by=self._owner))

    def _publish(self, reply: str, answer: Holding | HoldingsAnswered) -> None:
        try:
            self._bus.publish(reply, holding.encode(answer))
        except BusUnavailableError as error:
            log.debug("payment_endpoint.not_answered", extra={"error": str(error)})

    async def _assignments(self, payment_id: str) -> tuple[AssignmentMade, ...]:
        """Return a payment's lines that are still in the log, except those that the server does not return at once."""
        found: list[AssignmentMade] = []
        try:
            async with asyncio.timeout(LINES_WITHIN_S):
                for at in self._log_read.messages_of(payment_id)[-LINES_MAX:]:
                    message = await first_from(self._bus, subjects.ASSIGNMENTS, at, subjects.ASSIGNMENTS_ALL)
                    if message is not None and message.seq == at:
                        found += _lines_of(payment_id, message)
        except (BusUnavailableError, TimeoutError) as error:
            log.debug("payment_endpoint.lines_not_found", extra={"error": repr(error)})
        return tuple(found)


def _lines_of(payment_id: str, message: StoredMessage) -> list[AssignmentMade]:
    """Return the lines of one payment in a message of ASSIGNMENTS; it was read before, so it can be decoded."""
    match decode_assignment(message.data):
        case TurnAssigned(owner, _, lines):
            return [
                AssignmentMade(
                    message.seq, message.stored_at, line.kind, processor_of(line.generation), owner, line.detail
                )
                for line in lines
                if line.id == payment_id
            ]
        case AssignmentReleased() as released:
            to, why = released.to_processor, released.reason
            return [AssignmentMade(message.seq, message.stored_at, "released", to, detail=why)]
        case _:
            return []
