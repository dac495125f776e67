"""``dispatcher.payment``: what is known of one payment that is not settled.

Every dispatcher hears every question. The one that has the payment in hand answers at once; the others, which know of
it only what the log says, a little later, so that the first answer is the best one.
"""

import asyncio
import logging
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from services.bus.connection import Bus, BusAwayError
from services.bus.lookup import first_from
from services.bus.message import Message
from services.contracts import holding, subjects
from services.contracts.assignments import processor_of
from services.contracts.events import NotAnEventError
from services.contracts.holding import Holding
from services.dispatcher.adapters.clock import SystemClock
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.ownership import View, is_first_hand
from services.dispatcher.core.traffic import Traffic

BY_LOG_AFTER_S = 0.1
LINE_WITHIN_S = 0.1  # whoever asks does not wait for long, and when the line was written is the least of the answer

log = logging.getLogger("tarifa.dispatcher")


class PaymentEndpoint:
    """Answers for one dispatcher."""

    def __init__(self, bus: Bus, log_read: AssignmentLog, traffic: Traffic) -> None:
        self._bus = bus
        self._log = log_read
        self._traffic = traffic
        self._clock = SystemClock()
        self._answering: set[asyncio.Task[None]] = set()

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
            processor=processor_of(payment.generation) if payment else _assigned_to(view),
            line=0 if view is None else view.last,
            owner="" if view is None else view.owner,
            attempts=payment.attempts if payment else 0,
            in_doubt=payment.in_doubt if payment else _is_in_doubt(view),
            since=self._stamp(payment.since_ms) if payment else None,
            released=view is not None and view.state == "free" and view.released_to != "",
        )

    def _asked(self, message: Message) -> None:
        try:
            asked = holding.decode_asked(message.data)
        except NotAnEventError as error:
            log.info("payment_endpoint.bad_request", extra={"error": str(error)})
            return
        if not message.reply:
            return
        if asked.id in self._traffic.in_hand:
            self._begin(self._answer(asked.id, message.reply, after_s=0))
        elif self._log.view(asked.id) is not None:
            self._begin(self._answer(asked.id, message.reply, after_s=BY_LOG_AFTER_S))

    def _begin(self, answering: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(answering)
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, payment_id: str, reply: str, *, after_s: float) -> None:
        await asyncio.sleep(after_s)
        known = self.holding(payment_id)
        if known is None:
            return
        if known.processor and known.owner:
            known = replace(known, since=await self._stored_at(known.line))
        try:
            self._bus.publish(reply, holding.encode(known))
        except BusAwayError as error:
            log.debug("payment_endpoint.not_answered", extra={"error": str(error)})

    async def _stored_at(self, line: int) -> datetime | None:
        """Return when a message of ASSIGNMENTS was stored; None where the server does not say so at once."""
        try:
            async with asyncio.timeout(LINE_WITHIN_S):
                found = await first_from(self._bus, subjects.ASSIGNMENTS, line, subjects.ASSIGNMENTS_ALL)
        except (BusAwayError, TimeoutError) as error:
            log.debug("payment_endpoint.line_not_found", extra={"error": repr(error)})
            return None
        return found.stored_at if found is not None and found.seq == line else None

    def _stamp(self, ms: float) -> datetime:
        """Return the UTC time of a moment on the clock of the calls."""
        return self._clock.stamp() - timedelta(milliseconds=round(self._clock.now_ms() - ms))


def _assigned_to(view: View | None) -> str:
    """Return the only processor that a payment may be sent to, by the log; one of nobody's may be for any."""
    if view is None:
        return ""
    return view.released_to if view.state == "free" else processor_of(view.generation)


def _is_in_doubt(view: View | None) -> bool:
    """Return whether, by the log, its processor may have booked it; where it is nobody's, none was asked to."""
    return view is not None and view.state != "free" and not is_first_hand(view, view.owner)
