"""The source of the vitals: the pulses of all instances, and the state of PAYMENTS."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from services.bus.jetstream.api import ApiError
from services.bus.jetstream.state import waiting
from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message
from services.contracts import subjects
from services.contracts.pulse import NotAPulseError, Pulse, decode
from services.overview.core.vitals import Backlog, Server

ASK_TIMEOUT_S = 0.9  # less than the time from one request to the next

log = logging.getLogger("tarifa.overview")


class VitalsSource:
    """Reads them over the bus; ``now`` returns the UTC time."""

    def __init__(self, bus: Bus, now: Callable[[], datetime]) -> None:
        self._bus = bus
        self._now = now

    @asynccontextmanager
    async def pulses(self, receive: Callable[[Pulse], None]) -> AsyncIterator[None]:
        """Call ``receive`` with every pulse inside the block; while NATS is away there are none."""

        def on_message(message: Message) -> None:
            try:
                pulse = decode(message.data)
            except NotAPulseError as error:
                log.warning("pulse.unreadable", extra={"subject": message.subject, "error": str(error)})
                return
            receive(pulse)

        subscription = await self._bus.subscribe(subjects.PULSES_ALL, on_message)
        try:
            yield
        finally:
            await self._bus.unsubscribe(subscription)

    async def backlog(self) -> Backlog | None:
        """Return what waits to be settled; None where NATS does not answer within ASK_TIMEOUT_S."""
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                found = await waiting(self._bus, subjects.PAYMENTS)
        except (BusUnavailableError, ApiError, TimeoutError) as error:
            log.debug("vitals.not_answered", extra={"error": repr(error)})
            return None
        servers = tuple(Server(each.name, each.seen_s, is_up=each.is_up()) for each in found.peers)
        if found.oldest_at is None:
            return Backlog(found.messages, 0.0, found.stored, servers)
        # The server's clock may be a little ahead of ours.
        return Backlog(found.messages, max(0.0, (self._now() - found.oldest_at).total_seconds()), found.stored, servers)
