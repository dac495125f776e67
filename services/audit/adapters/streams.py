"""PAYMENTS and SETTLEMENTS read from end to end; nothing is consumed, acked or created in them.

PAYMENTS is a work queue, on which a second consumer is not allowed: it is read by Direct Get. SETTLEMENTS, which only
grows, is followed until all that was there has been seen.
"""

import asyncio
import contextlib

from services.audit.adapters.progress import Bar, Lines
from services.audit.core.records import Records
from services.bus.connection import Bus, BusAwayError
from services.bus.follow import Follower
from services.bus.state import stream_state
from services.bus.tail import tail
from services.bus.work_queue import Delivery
from services.contracts import subjects
from services.contracts.events import NotAnEventError, decode_accepted, decode_settlement

LOOK_EVERY_S = 0.25
SILENCE_MAX_S = 30.0


class JetStreamStreams:
    """Keeps the flow's port ``Streams``."""

    def __init__(self, bus: Bus, progress: Bar | Lines) -> None:
        self._bus = bus
        self._progress = progress

    async def read_into(self, records: Records) -> None:
        """Tell all messages, PAYMENTS first."""
        await self._read_payments(records)
        await self._read_settlements(records)

    async def _read_payments(self, records: Records) -> None:
        state = await stream_state(self._bus, subjects.PAYMENTS)
        self._progress.begin("reading PAYMENTS", state.messages)
        for data in await tail(self._bus, subjects.PAYMENTS, subjects.PAYMENTS_ALL, state.last_seq + 1):
            try:
                records.take_accepted(decode_accepted(data))
            except NotAnEventError as error:
                records.take_unreadable(subjects.PAYMENTS, str(error))

    async def _read_settlements(self, records: Records) -> None:
        def take(delivery: Delivery) -> None:
            if delivery.seq > follower.applied_seq + 1:
                records.take_missing(subjects.SETTLEMENTS, follower.applied_seq + 1, delivery.seq - 1)
            try:
                records.take_settlement(decode_settlement(delivery.data))
            except NotAnEventError as error:
                records.take_unreadable(f"{subjects.SETTLEMENTS} {delivery.seq}", str(error))

        state = await stream_state(self._bus, subjects.SETTLEMENTS)
        self._progress.begin("reading SETTLEMENTS", state.last_seq)
        follower = Follower(self._bus, subjects.SETTLEMENTS, subjects.SETTLEMENTS_ALL, take)
        following = asyncio.create_task(follower.run())
        try:
            await self._until_caught_up(follower, following)
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
        if state.last_seq > follower.applied_seq:  # a lost tail leaves no gap
            records.take_missing(subjects.SETTLEMENTS, follower.applied_seq + 1, state.last_seq)

    async def _until_caught_up(self, follower: Follower, following: asyncio.Task[None]) -> None:
        loop = asyncio.get_running_loop()
        moved_s, seen = loop.time(), 0
        while not follower.is_caught_up:
            await asyncio.wait((following,), timeout=LOOK_EVERY_S)
            if following.done():
                return  # it has failed: awaiting it raises why
            if follower.applied_seq > seen:
                moved_s, seen = loop.time(), follower.applied_seq
            elif loop.time() - moved_s > SILENCE_MAX_S:
                raise BusAwayError(f"SETTLEMENTS: nothing more came for {SILENCE_MAX_S:g} s")
            self._progress.at(follower.applied_seq)
