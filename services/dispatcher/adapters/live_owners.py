"""Which other dispatcher processes have sent a pulse recently.

Nothing is charged because of it: by a wrong answer a payment is inherited without need, or waits longer. An operator's
release relies on it only for a process that does not answer either.
"""

import logging

from services.bus.wire.connection import Bus
from services.contracts import pulse as contract
from services.contracts import subjects
from services.contracts.pulse import DispatcherPulse, NotAPulseError
from services.dispatcher.adapters.clock import DispatcherClock

log = logging.getLogger("tarifa.dispatcher")


class LiveOwners:
    """The owners whose pulse came within ``for_s``."""

    def __init__(self, clock: DispatcherClock, for_s: float) -> None:
        self._clock = clock
        self._for_ms = for_s * 1000
        self._seen_ms: dict[str, float] = {}
        self._since_ms = clock.now_ms()

    async def listen(self, bus: Bus) -> None:
        """Receive the pulses of all dispatchers from now on."""
        bus.on_reconnect(self.listen_again)
        await bus.listen(subjects.pulse(subjects.DISPATCHER, "*"), self.add_pulse)

    def listen_again(self) -> None:
        """Count silence from now on: while NATS was away, all were silent."""
        self._since_ms = self._clock.now_ms()

    def add_pulse(self, data: bytes) -> None:
        """Record a pulse as JSON bytes; one that is unreadable is logged."""
        try:
            pulse = contract.decode(data)
        except NotAPulseError as error:
            log.warning("pulse.unreadable", extra={"error": str(error)})
            return
        now_ms = self._clock.now_ms()
        if isinstance(pulse, DispatcherPulse):
            self._seen_ms[pulse.owner] = now_ms
        self._seen_ms = {owner: at for owner, at in self._seen_ms.items() if now_ms - at <= self._for_ms}

    def owners(self) -> tuple[str, ...]:
        """Return the owners whose pulse came within ``for_s``."""
        return tuple(owner for owner in self._seen_ms if owner in self)

    def is_gone(self, owner: str) -> bool:
        """Return whether no pulse of a process came within ``for_s``; never so before there was time for one."""
        return self._clock.now_ms() - self._since_ms > self._for_ms and owner not in self

    def __contains__(self, owner: object) -> bool:
        at = self._seen_ms.get(str(owner))
        return at is not None and self._clock.now_ms() - at <= self._for_ms
