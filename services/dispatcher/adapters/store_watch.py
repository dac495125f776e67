"""Whether a connection's store is still the one that was read, and which part of it is doubtful.

It went back in time where a stream ends before what this process has read or stored. It may have, where the server
process differs from the last one and does not sync each message (``SYNC``).
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict, replace

from services.bus.jetstream.api import ApiError
from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.store_errors import StoreWentBackError
from services.dispatcher.adapters.clock import DispatcherClock
from services.dispatcher.core.doubt import NO_DOUBT, Doubt
from services.log_throttle import FailureLog
from services.records.doubt import (
    LINES_TO,
    PAYMENTS_TO,
    SERVER,
    SINCE,
    DoubtProgress,
    Marks,
    mark_doubtful,
    note_repeated,
    note_server,
    note_waited_out,
    read_marks,
    read_progress,
)

READ_EVERY_S = 1.0
MARK_AGAIN_AFTER_S = 0.5
MARK_TRIES_WHEN_STOPPING = 5

log = logging.getLogger("tarifa.dispatcher")


class StoreWatch:
    """What this process knows of the store.

    Args:
        bus: the connection.
        is_synced: the server syncs each message before its PubAck.
        books_within_s: how long an earlier POST may be under way.
        repeated_within_s: how long clients may repeat an id that was accepted earlier.
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
        clock: DispatcherClock,
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
        self._repeated_until_ms = 0.0
        self._progress = DoubtProgress()
        self._not_read = FailureLog(log, "store.not_read")
        self.doubt = NO_DOUBT

    async def meet(self) -> None:
        """Check the store of a new connection, before anything is delivered.

        Raises:
            StoreWentBackError: it is marked, and this process must start again.
            ApiError, BusUnavailableError: it is not known; try again before anything is delivered.
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
            # By now it may hold as much as was read here, but it is not the same store.
            raise StoreWentBackError("another dispatcher has found that it did")
        if not self._is_synced and marks.get(SERVER) != server_id:
            marks = await (
                mark_doubtful(self._bus, self._clock.stamp()) if await self._is_busy() else note_server(self._bus)
            )
        self._server_id = server_id
        self._take(marks)
        await self._read_progress()

    async def run(self) -> None:
        """Read the marks periodically, until cancelled: another dispatcher may check the store later."""
        while True:
            await asyncio.sleep(READ_EVERY_S)
            try:
                self._take(await self._marks())
                await self._read_progress()
            except (ApiError, BusUnavailableError) as error:
                self._not_read.failed(str(error))
            else:
                self._not_read.succeeded()

    async def _marks(self) -> Marks:
        """Read the marks; write them again if others, who change the stream's limits, have overwritten them."""
        marks = await read_marks(self._bus)
        if marks.get(SINCE, "") < self.doubt.since:
            return await mark_doubtful(self._bus, self._clock.stamp())
        return marks

    def absence_counts_in_ms(self) -> float:
        """Return the milliseconds until a processor's "not there" counts; 0: it counts now."""
        return max(0.0, self._counts_from_ms - self._clock.now_ms())

    async def _is_busy(self) -> bool:
        """Return whether the store has anything under way: what came after it was written may be lost."""
        streams = (subjects.PAYMENTS, subjects.ASSIGNMENTS)
        return any([(await stream_state(self._bus, stream)).messages for stream in streams])

    async def may_have_doubtful(self) -> bool:
        """Return whether a payment waits, or may come, that every processor must be asked about.

        Raises:
            ApiError, BusUnavailableError: not known.
        """
        doubt = self.doubt
        if not self._server_id or doubt.is_recent:
            return True  # the store was not checked yet, or more may come
        return bool(doubt.since) and (await stream_state(self._bus, subjects.PAYMENTS)).first_seq <= doubt.payments_to

    def _take(self, marks: Marks) -> None:
        since = marks.get(SINCE, "")
        if since and since != self.doubt.since:
            # From the time it was read here, on our own clock: another machine's may be ahead.
            self._counts_from_ms = self._clock.now_ms() + self._books_within_s * 1000
            self._repeated_until_ms = self._clock.now_ms() + self._repeated_within_s * 1000
            self._progress = DoubtProgress()
            log.warning("store.is_doubtful", extra={"payments_to": marks.get(PAYMENTS_TO), "since": since})
        self._set_doubt(Doubt(int(marks.get(PAYMENTS_TO, "0")), int(marks.get(LINES_TO, "0")), since))

    def _set_doubt(self, doubt: Doubt) -> None:
        repeated_to = self._progress.repeated_to
        is_recent = bool(doubt.since) and repeated_to is None
        self.doubt = replace(doubt, payments_to=max(doubt.payments_to, repeated_to or 0), is_recent=is_recent)

    async def _read_progress(self) -> None:
        """Read what has passed of the mark, and write it if this dispatcher is the first that has waited so long."""
        since, now_ms = self.doubt.since, self._clock.now_ms()
        if not since or (self._progress.is_waited_out and self._progress.repeated_to is not None):
            return
        if now_ms >= self._counts_from_ms and not self._progress.is_waited_out:
            await note_waited_out(self._bus, since)
        if now_ms >= self._repeated_until_ms:
            await note_repeated(self._bus, since)
        progress = await read_progress(self._bus, since)
        if progress != self._progress:
            log.info("store.passed", extra={"since": since, **asdict(progress)})
        self._progress = progress
        if progress.is_waited_out:
            self._counts_from_ms = 0.0
        self._set_doubt(self.doubt)


async def mark_store(bus: Bus, clock: DispatcherClock, stop: asyncio.Event) -> None:
    """Mark waiting payments as doubtful, retrying until it succeeds: nothing is sent before.

    While stopping, only for a few tries: the process that starts next has read nothing, and perhaps no other knows.
    """
    tries = 0
    while not stop.is_set() or tries < MARK_TRIES_WHEN_STOPPING:
        tries += stop.is_set()
        try:
            await mark_doubtful(bus, clock.stamp())
        except (BusUnavailableError, ApiError) as error:
            log.warning("store.not_marked", extra={"error": str(error)})
            await asyncio.sleep(MARK_AGAIN_AFTER_S)
        else:
            return
