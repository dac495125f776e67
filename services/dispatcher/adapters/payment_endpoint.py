"""``dispatcher.payment``: what is known of one payment that is not settled.

Every dispatcher hears every question. The one that has the payment in hand answers at once; the others, which know of
it only what the log says, a little later, so that the first answer is the best one.
"""

import asyncio
import logging

from services.bus.connection import Bus, BusAwayError
from services.bus.message import Message
from services.contracts import holding, subjects
from services.contracts.assignments import processor_of
from services.contracts.events import NotAnEventError
from services.contracts.holding import Holding
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.ownership import is_first_hand
from services.dispatcher.core.traffic import Traffic

BY_LOG_AFTER_S = 0.1

log = logging.getLogger("tarifa.dispatcher")


class PaymentEndpoint:
    """Answers for one dispatcher."""

    def __init__(self, bus: Bus, log_read: AssignmentLog, traffic: Traffic) -> None:
        self._bus = bus
        self._log = log_read
        self._traffic = traffic

    async def listen(self) -> None:
        """Answer from now on."""
        await self._bus.subscribe(subjects.DISPATCHER_PAYMENT, self._asked)

    def holding(self, payment_id: str) -> Holding | None:
        """Return what this dispatcher knows of a payment; None: it waits in the stream, is settled, or is none."""
        view, payment = self._log.view(payment_id), self._traffic.in_hand.get(payment_id)
        if view is None and payment is None:
            return None
        return Holding(
            id=payment_id,
            processor=processor_of(payment.generation if payment else view.generation if view else ""),
            line=0 if view is None else view.last,
            owner="" if view is None else view.owner,
            attempts=payment.attempts if payment else 0,
            in_doubt=payment.in_doubt if payment else view is not None and not is_first_hand(view, view.owner),
        )

    def _asked(self, message: Message) -> None:
        try:
            asked = holding.decode_asked(message.data)
        except NotAnEventError as error:
            log.info("payment_endpoint.bad_request", extra={"error": str(error)})
            return
        if asked.id in self._traffic.in_hand:
            self._answer(asked.id, message.reply)
        elif self._log.view(asked.id) is not None:
            asyncio.get_running_loop().call_later(BY_LOG_AFTER_S, self._answer, asked.id, message.reply)

    def _answer(self, payment_id: str, reply: str) -> None:
        known = self.holding(payment_id)
        if known is None or not reply:
            return
        try:
            self._bus.publish(reply, holding.encode(known))
        except BusAwayError as error:
            log.debug("payment_endpoint.not_answered", extra={"error": str(error)})
