"""``dispatcher.stored.<owner>``: answered once all bookings known at the moment in the request are stored."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message
from services.contracts import stored, subjects
from services.contracts.events import NotAnEventError
from services.contracts.stored import StoredAnswered
from services.dispatcher.adapters.clock import DispatcherClock
from services.records.settlements import SettlementRecords

# Only a moment at most this long ago is used: otherwise the machines' clocks differ, and the time of arrival is used.
ASKED_AGO_MAX = timedelta(milliseconds=300)
TURNS = 2  # of the loop: by then, what was in a processor's connection at the request's arrival is with its payment
WAIT_MAX_S = 1.0

log = logging.getLogger("tarifa.dispatcher")


class StoredEndpoint:
    """Answers for one process; ``are_stored`` waits until every booking known now is stored as a settlement."""

    def __init__(
        self,
        bus: Bus,
        are_stored: Callable[[], Awaitable[None]],
        settlements: SettlementRecords,
        clock: DispatcherClock,
    ) -> None:
        self._bus = bus
        self._are_stored = are_stored
        self._settlements = settlements
        self._clock = clock
        self._answering: set[asyncio.Task[None]] = set()

    async def listen(self, owner: str) -> None:
        """Answer from now on, under the name that this process has in its lines."""
        await self._bus.subscribe(subjects.dispatcher_stored(owner), self._asked)

    def _asked(self, message: Message) -> None:
        now = self._clock.stamp()
        try:
            asked_at = stored.decode_asked(message.data).asked_at
        except NotAnEventError as error:
            log.info("stored_endpoint.bad_request", extra={"error": str(error)})
            return
        is_meant = asked_at is not None and timedelta() <= now - asked_at <= ASKED_AGO_MAX
        task = asyncio.get_running_loop().create_task(
            self._answer(asked_at if is_meant and asked_at is not None else now, message.reply)
        )
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, until: datetime, reply: str) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        self._bus.flush()
        try:
            async with asyncio.timeout(WAIT_MAX_S):
                await self._are_stored()
            self._bus.publish(reply, stored.encode(StoredAnswered(self._settlements.last_seq, until)))
        except (BusUnavailableError, TimeoutError) as error:
            log.debug("stored_endpoint.not_answered", extra={"error": str(error)})
