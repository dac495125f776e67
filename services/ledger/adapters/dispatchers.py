"""Asks the running dispatchers how far SETTLEMENTS must be read to know what they knew at a moment."""

import asyncio
import logging
from datetime import datetime

from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import pulse as contract
from services.contracts import stored, subjects
from services.contracts.events import NotAnEventError
from services.contracts.pulse import DispatcherPulse, NotAPulseError
from services.contracts.stamp import micros_of
from services.contracts.stored import StoredAnswered, StoredAsked
from services.ledger.core.recent_settlements import StoredUpTo

HEARD_FOR_S = 5.0  # pulses come once a second

log = logging.getLogger("tarifa.ledger")


class Dispatchers:
    """The port ``Dispatchers`` of the flow: those that sent a pulse in the last HEARD_FOR_S seconds, gone ones too.

    One that does not answer is asked again after its next pulse: a frozen process delays one summary, not all.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._heard_s: dict[str, float] = {}  # by owner: when

    async def listen(self) -> None:
        """Subscribe to the pulses of all dispatchers."""
        await self._bus.listen(subjects.pulse(subjects.DISPATCHER, "*"), self._heard)

    def _heard(self, data: bytes) -> None:
        try:
            pulse = contract.decode(data)
        except NotAPulseError as error:
            log.warning("pulse.unreadable", extra={"error": str(error)})
            return
        now_s = asyncio.get_running_loop().time()
        if isinstance(pulse, DispatcherPulse) and pulse.owner:
            self._heard_s[pulse.owner] = now_s
        self._heard_s = {owner: at_s for owner, at_s in self._heard_s.items() if now_s - at_s <= HEARD_FOR_S}

    async def stored(self, asked_at: datetime | None, within_s: float) -> StoredUpTo:
        """Return how far all of them have stored what they knew then."""
        request = stored.encode(StoredAsked(asked_at))
        owners = tuple(self._heard_s)
        answers = await asyncio.gather(*(self._ask(owner, request, within_s) for owner in owners))
        came = [answer for answer in answers if answer is not None]
        seq = max((answer.seq for answer in came), default=0)
        if not came or len(came) < len(owners):
            return StoredUpTo(seq, None)
        return StoredUpTo(seq, max(micros_of(answer.until) for answer in came))

    async def _ask(self, owner: str, request: bytes, within_s: float) -> StoredAnswered | None:
        try:
            message = await self._bus.request(subjects.dispatcher_stored(owner), request, within_s)
            return stored.decode_answered(message.data)
        except (BusUnavailableError, NotAnEventError) as error:
            log.info("dispatcher.not_asked", extra={"owner": owner, "error": str(error)})
            self._heard_s.pop(owner, None)
            return None
