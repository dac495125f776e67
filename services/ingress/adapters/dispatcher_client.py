"""The dispatchers, asked over the bus what one of them has in hand: an answer at once, or none."""

import logging

from services.bus.connection import Bus, BusAwayError
from services.contracts import holding, subjects
from services.contracts.assignments import instance_of
from services.contracts.events import NotAnEventError
from services.contracts.holding import HoldingAsked
from services.ingress.core.answers import WaitingFor

# Those that know of it by the log alone answer after a tenth of a second. The rest of a payment's standing is known
# already, so whoever asks for it does not wait for longer.
ASK_TIMEOUT_S = 0.3

log = logging.getLogger("tarifa.ingress")


class DispatcherClient:
    """Asks ``dispatcher.payment``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

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
        return WaitingFor(
            known.processor or None,
            known.since,
            known.attempts,
            in_doubt=known.in_doubt,
            dispatcher=instance_of(known.owner) or None,
            released=known.released,
        )
