"""Asks the dispatchers over the bus to look at a payment and to release it; any one of them answers."""

from services.bus.micro.ask import NotAnsweredError, ask
from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.requests import NoRespondersError
from services.contracts import releasing, subjects
from services.contracts.releasing import ANSWERED_WITHIN_S, Confirmed, ReleaseAnswered, ReleaseAsked


class ReleaseClient:
    """Implements the port ``ReleaseDispatchers``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def look(self, payment_id: str, to: str) -> ReleaseAnswered:
        """Return what is known, and whether it may be released."""
        return await self._asked(ReleaseAsked(payment_id, to))

    async def release(self, payment_id: str, to: str, confirmed: Confirmed) -> ReleaseAnswered:
        """Have it released."""
        try:
            return await self._asked(ReleaseAsked(payment_id, to, confirmed))
        except BusUnavailableError as error:
            raise BusUnavailableError(f"not known whether it was released; run this again to see: {error}") from error

    async def _asked(self, asked: ReleaseAsked) -> ReleaseAnswered:
        try:
            answer = await ask(self._bus, subjects.DISPATCHER_RELEASE, releasing.encode(asked), ANSWERED_WITHIN_S)
        except NoRespondersError:
            raise BusUnavailableError(
                "no dispatcher runs, and only a dispatcher releases payments; start one"
            ) from None
        except NotAnsweredError as error:
            raise BusUnavailableError(f"the dispatcher cannot do that now: {error}") from error
        return releasing.decode(answer, ReleaseAnswered)
