"""Whether the store that a connection leads to is still the one that was read, and what of it is doubtful.

It went back in time where a stream ends before what this process has read or stored of it. It may have, where the
server process is another one than was met last and does not sync each message (``SYNC``).
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from services.bus.api import ApiError
from services.bus.connection import Bus, BusAwayError
from services.bus.state import stream_state
from services.contracts import subjects
from services.contracts.stamp import micros_of, stamp_from_text
from services.dispatcher.core.doubt import NO_DOUBT, Doubt
from services.records.doubt import (
    LINES_TO,
    PAYMENTS_TO,
    SERVER,
    SINCE,
    Marks,
    StoreWentBackError,
    mark_doubtful,
    note_server,
    note_waited_out,
    read_marks,
    waited_out,
)
from services.telling import Trouble

READ_EVERY_S = 1.0
CLOCKS_APART_MAX_S = 300.0  # beyond a wait and this, the stamp of another machine is believed to be past it

log = logging.getLogger("tarifa.dispatcher")


class Clock(Protocol):
    """The clock of the calls, and UTC."""

    def now_ms(self) -> float:
        """Return milliseconds of a clock that never goes back."""

    def stamp(self) -> datetime:
        """Return the UTC time."""


class StoreWatch:
    """What this process knows of the store.

    Args:
        bus: the connection.
        is_synced: the server syncs each message before its PubAck.
        books_within_s: how long a POST of before may be under way.
        repeated_within_s: how long clients may repeat an id that was accepted before.
        clock: for the stamp, and for the wait.
        lines_read: how far ASSIGNMENTS was read.
        settlements_to: the last sequence of SETTLEMENTS that a PubAck gave.
        payments_to: the last sequence of PAYMENTS that was delivered here.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        is_synced: bool,
        books_within_s: float,
        repeated_within_s: float,
        clock: Clock,
        lines_read: Callable[[], int],
        settlements_to: Callable[[], int],
        payments_to: Callable[[], int],
    ) -> None:
        self._bus = bus
        self._is_synced = is_synced
        self._books_within_s = books_within_s
        self._repeated_within_s = repeated_within_s
        self._clock = clock
        self._seen = {
            subjects.ASSIGNMENTS: lines_read,
            subjects.SETTLEMENTS: settlements_to,
            subjects.PAYMENTS: payments_to,
        }
        self._server_id = ""
        self._counts_from_ms = 0.0
        self._recent_until_ms = 0.0
        self._waited_out = ""  # the mark that somebody has waited out
        self._not_read = Trouble(log, "store.not_read")
        self.doubt = NO_DOUBT

    async def meet(self) -> None:
        """Look at the store of a new connection, before anything is delivered.

        Raises:
            StoreWentBackError: it is marked, and this process must start again.
            ApiError, BusAwayError: it cannot be told; try again before anything is delivered.
        """
        server_id, before = self._bus.server_id, self._server_id
        seen = {stream: last_seq() for stream, last_seq in self._seen.items()}  # before it grows on this connection
        ends = {stream: (await stream_state(self._bus, stream)).last_seq for stream in self._seen}
        shorter = [stream for stream, end in ends.items() if end < seen[stream]]
        if shorter or (before not in {"", server_id} and not self._is_synced):
            await mark_doubtful(self._bus, self._clock.stamp())
            raise StoreWentBackError(
                f"{' and '.join(shorter)} ended earlier than was read" if shorter else "another process of nats-server"
            )
        marks = await read_marks(self._bus)
        if before and marks.get(SINCE, "") != self.doubt.since:
            # By now it may hold as much as was read here, and it is not the same.
            raise StoreWentBackError("another dispatcher has found that it did")
        if not self._is_synced and marks.get(SERVER) != server_id:
            marks = await (
                mark_doubtful(self._bus, self._clock.stamp()) if await self._is_busy() else note_server(self._bus)
            )
        self._server_id = server_id
        self._take(marks)
        await self._hear_waited_out()

    async def run(self) -> None:
        """Read the marks again and again: another dispatcher may meet the store later; until cancelled."""
        while True:
            await asyncio.sleep(READ_EVERY_S)
            try:
                self._take(await read_marks(self._bus))
                await self._hear_waited_out()
            except (ApiError, BusAwayError) as error:
                self._not_read.tell(str(error))
            else:
                self._not_read.over()

    def absence_counts_in_ms(self) -> float:
        """Return how long until a processor's "not there" counts; 0: it counts now."""
        return max(0.0, self._counts_from_ms - self._clock.now_ms())

    async def _is_busy(self) -> bool:
        """Return whether anything of it was under way when it was written: what came after that may be lost."""
        streams = (subjects.PAYMENTS, subjects.ASSIGNMENTS)
        return any([(await stream_state(self._bus, stream)).messages for stream in streams])

    def _take(self, marks: Marks) -> None:
        since = marks.get(SINCE, "")
        if since and since != self.doubt.since:
            age_s = (micros_of(self._clock.stamp()) - micros_of(stamp_from_text(since))) / 1e6
            self._counts_from_ms = self._over_ms(self._books_within_s, age_s)
            self._recent_until_ms = self._over_ms(self._repeated_within_s, age_s)
            log.warning("store.is_doubtful", extra={"payments_to": marks.get(PAYMENTS_TO), "since": since})
        is_recent = self._clock.now_ms() < self._recent_until_ms
        self.doubt = Doubt(int(marks.get(PAYMENTS_TO, "0")), int(marks.get(LINES_TO, "0")), since, is_recent)

    def _over_ms(self, wait_s: float, age_s: float) -> float:
        """Return when a wait is over, from when the mark was read here, on our own clock: another's may be ahead."""
        return self._clock.now_ms() + (0.0 if age_s > wait_s + CLOCKS_APART_MAX_S else wait_s * 1000)

    async def _hear_waited_out(self) -> None:
        """Wait no longer than the first dispatcher that has waited the mark out; say so where that is this one."""
        since = self.doubt.since
        if not since or self._waited_out == since:
            return
        if self.absence_counts_in_ms() == 0:
            await note_waited_out(self._bus, since)
        elif await waited_out(self._bus) != since:
            return
        self._waited_out = since
        self._counts_from_ms = 0.0
        log.info("store.waited_out", extra={"since": since})
