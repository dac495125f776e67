"""Asks the dispatchers over the bus what they have in hand and have read in the log; an answer comes at once or not."""

import logging

from services.bus.micro.ask_all import ask_all
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import holding, subjects
from services.contracts.events import NotAnEventError
from services.contracts.holding import Holding, HoldingAsked, HoldingsAnswered, HoldingsAsked
from services.ingress.core.answers import WaitingFor
from services.ingress.core.listing import KnownHoldings, known_by, waiting_for

# Those that know of it by the log alone answer after a tenth of a second. The rest of a payment's status is known
# already, so the client does not wait longer for this part.
ASK_TIMEOUT_S = 0.3
MANY_TIMEOUT_S = 0.5  # if one with a recent pulse does not answer; otherwise the last answer ends the wait
LIFE_TIMEOUT_S = 0.6  # its lines are read from the stream first

log = logging.getLogger("tarifa.ingress")


class DispatcherClient:
    """Asks ``dispatcher.payment`` and ``dispatcher.payments``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def holdings(self, asked: HoldingsAsked) -> KnownHoldings | None:
        """Return what all of them know of many payments; None: none answers."""
        answers: dict[str, HoldingsAnswered] = {}
        expected: set[str] = set()

        def take(data: bytes) -> bool:
            try:
                answer = holding.decode_many_answered(data)
            except NotAnEventError as error:
                log.warning("dispatcher.unreadable", extra={"error": str(error)})
                return False
            answers[answer.owner] = answer
            expected.update(answer.others)
            return bool(answer.others) and expected <= answers.keys()

        try:
            await ask_all(self._bus, subjects.DISPATCHER_PAYMENTS, holding.encode(asked), MANY_TIMEOUT_S, take)
        except BusUnavailableError as error:
            log.debug("dispatcher.not_answered", extra={"error": str(error)})
        return known_by(answers.values(), asked.limit) if answers else None

    async def waiting_for(self, payment_id: str) -> WaitingFor | None:
        """Return what the payment waits for; None if it belongs to nobody, or none answers."""
        known = await self._holding(HoldingAsked(payment_id), ASK_TIMEOUT_S)
        return None if known is None else waiting_for(known)

    async def life(self, payment_id: str) -> Holding | None:
        """Return all that a dispatcher has in memory of a payment; None if it belongs to nobody, or none answers."""
        return await self._holding(HoldingAsked(payment_id, life=True), LIFE_TIMEOUT_S)

    async def _holding(self, asked: HoldingAsked, within_s: float) -> Holding | None:
        try:
            answer = await self._bus.request(subjects.DISPATCHER_PAYMENT, holding.encode(asked), within_s)
            return holding.decode_holding(answer.data)
        except BusUnavailableError as error:  # none runs, or it waits in the stream, where no dispatcher has it in hand
            log.debug("dispatcher.not_answered", extra={"error": str(error)})
            return None
        except NotAnEventError as error:
            log.warning("dispatcher.unreadable", extra={"error": str(error)})
            return None
