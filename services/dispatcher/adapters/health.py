"""The health endpoints: one poller per processor in the whole system, whose replies all dispatchers receive.

A processor answers one health call in 5 s for all callers together, so a lease decides which dispatcher calls; the
reply is published on ``processors.condition`` for the other dispatchers and any observer.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from services.bus.jetstream.lease import Lease
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.stamp import micros_of
from services.dispatcher.adapters.clock import DispatcherClock
from services.dispatcher.adapters.processor_api import HealthAnswer, HealthUnread
from services.dispatcher.core.condition import Health
from services.log_throttle import FailureLog

POLL_EVERY_S = 5.1  # the endpoint's window is 5 s

log = logging.getLogger("tarifa.dispatcher")


class ConditionSaid(msgspec.Struct, frozen=True, rename="camel"):
    """One health reply, with who asked and when."""

    processor: str
    failing: bool
    min_response_ms: int
    asked_at: datetime
    poller: str
    v: int = 1


class HealthSource(Protocol):
    """The health call of one processor."""

    async def health(self) -> HealthAnswer | HealthUnread:
        """Ask for its health once; never raises, whatever the processor does."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ConditionSaid)


class HealthPoller:
    """Asks one processor for its health while it holds the lease."""

    def __init__(self, bus: Bus, processor: str, api: HealthSource, clock: DispatcherClock, me: str) -> None:
        self._bus = bus
        self._processor = processor
        self._api = api
        self._clock = clock
        self._me = me
        self._lease = Lease(bus, subjects.LEASES, f"health.{processor}", me)
        self._unread = FailureLog(log, "health.unread")

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            try:
                if await self._lease.hold():
                    await self._poll()
            except BusUnavailableError as error:
                log.debug("health.not_polled", extra={"processor": self._processor, "error": str(error)})
            await asyncio.sleep(POLL_EVERY_S)

    async def _poll(self) -> None:
        asked_at = self._clock.stamp()
        match await self._api.health():
            case HealthUnread(detail):
                self._unread.failed(detail, processor=self._processor)
            case HealthAnswer(failing, min_response_ms):
                self._unread.succeeded()
                said = ConditionSaid(self._processor, failing, min_response_ms, asked_at, self._me)
                self._bus.publish(subjects.CONDITION, _encoder.encode(said))


class HealthPollers:
    """One poller for each processor that charges now."""

    def __init__(self, bus: Bus, clock: DispatcherClock, me: str) -> None:
        self._bus = bus
        self._clock = clock
        self._me = me
        self._asked: dict[str, HealthSource] = {}
        self._changed = asyncio.Event()

    def poll(self, asked: Mapping[str, HealthSource]) -> None:
        """Poll these from now on, by name, and no others."""
        if asked != self._asked:
            self._asked = dict(asked)
            self._changed.set()

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            self._changed.clear()
            async with asyncio.TaskGroup() as group:
                polling = [
                    group.create_task(HealthPoller(self._bus, name, api, self._clock, self._me).run())
                    for name, api in self._asked.items()
                ]
                await self._changed.wait()
                for task in polling:
                    task.cancel()


async def follow_health(bus: Bus, clock: DispatcherClock, receive: Callable[[str, Health], None]) -> None:
    """Call ``receive`` for every health reply of a processor, from any poller."""

    def on_reply(data: bytes) -> None:
        try:
            said = _decoder.decode(data)
        except msgspec.MsgspecError as error:
            log.warning("health.unreadable", extra={"error": str(error)})
            return
        age_ms = max(0.0, (micros_of(clock.stamp()) - micros_of(said.asked_at)) / 1000)
        receive(said.processor, Health(clock.now_ms() - age_ms, said.failing, said.min_response_ms))

    await bus.listen(subjects.CONDITION, on_reply)
