"""The dispatchers, asked over the bus what they have in hand and read in the log: answers at once, or none."""

import logging

from services.bus.connection import Bus, BusAwayError
from services.bus.gather import gather
from services.contracts import holding, subjects
from services.contracts.events import NotAnEventError
from services.contracts.holding import HoldingAsked, HoldingsAnswered, HoldingsAsked
from services.ingress.core.answers import WaitingFor
from services.ingress.core.listing import Known, known_by, waiting_for

# Those that know of it by the log alone answer after a tenth of a second. The rest of a payment's standing is known
# already, so whoever asks for it does not wait for longer.
ASK_TIMEOUT_S = 0.3

log = logging.getLogger("tarifa.ingress")


class DispatcherClient:
    """Asks ``dispatcher.payment`` and ``dispatcher.payments``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def holdings(self, asked: HoldingsAsked) -> Known | None:
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
            await gather(self._bus, subjects.DISPATCHER_PAYMENTS, holding.encode(asked), ASK_TIMEOUT_S, take)
        except BusAwayError as error:
            log.debug("dispatcher.not_answered", extra={"error": str(error)})
        return known_by(answers.values(), asked.limit) if answers else None

    async def waiting_for(self, payment_id: str) -> WaitingFor | None:
        """Return what the payment waits for; None where it is nobody's, or nobody says."""
        request = holding.encode(HoldingAsked(payment_id))
        try:
            answer = await self._bus.request(subjects.DISPATCHER_PAYMENT, request, ASK_TIMEOUT_S)
            known = holding.decode_holding(answer.data)
        except BusAwayError as error:  # none runs, or it waits in the stream, where none has it in hand
            log.debug("dispatcher.not_answered", extra={"error": str(error)})
            return None
        except NotAnEventError as error:
            log.warning("dispatcher.unreadable", extra={"error": str(error)})
            return None
        return waiting_for(known)
