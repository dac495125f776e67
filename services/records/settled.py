"""SETTLEMENTS, read in its order from a sequence on: what was settled, and whether the book counts it.

Nothing is consumed and no consumer made: some hundreds of messages by one Direct Get.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from services.bus.jetstream.lookup import first_from, last_for
from services.bus.jetstream.read_range import ReadMessage, first_seq_since, read_range
from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.events import NotAnEventError, PaymentSettled, decode_settlement
from services.contracts.store_errors import UnreadableRecordError


@dataclass(frozen=True, slots=True)
class SettledRow:
    """One settlement at its sequence in SETTLEMENTS.

    ``is_counted``: the book was not cleared since. Of two settlements of one payment it counts the first, which is what
    ``SettledReader.is_first`` finds out.
    """

    seq: int
    event: PaymentSettled
    is_counted: bool


@dataclass(frozen=True, slots=True)
class StreamPart:
    """Part of SETTLEMENTS: its settlements, the first sequence that was not looked at, and how many were missing."""

    rows: tuple[SettledRow, ...]
    next_seq: int
    missing: int


class SettledReader:
    """Reads as far as the stream had got when it was opened."""

    def __init__(self, bus: Bus, first_seq: int, last_seq: int, cleared_seq: int) -> None:
        self._bus = bus
        self.first_seq = first_seq
        self.last_seq = last_seq
        self._cleared_seq = cleared_seq

    @classmethod
    async def open(cls, bus: Bus) -> "SettledReader":
        """Find out where the stream begins and ends, and up to where the book was cleared.

        Raises:
            BusUnavailableError, ApiError: as of the bus.
        """
        state = await stream_state(bus, subjects.SETTLEMENTS)
        cleared = await last_for(bus, subjects.SETTLEMENTS, subjects.CLEARED)
        return cls(bus, max(1, state.first_seq), state.last_seq, 0 if cleared is None else cleared.seq)

    async def since(self, moment: datetime) -> int:
        """Return the first sequence that was stored at or after a moment, by the server's clock.

        Raises:
            BusUnavailableError: no answer.
        """
        found = await first_seq_since(self._bus, subjects.SETTLEMENTS, moment)
        return self.last_seq + 1 if found is None else found

    async def read(self, first: int, count: int) -> StreamPart:
        """Return the settlements among at most ``count`` messages from a sequence on.

        Raises:
            BusUnavailableError: no complete answer, or it came from a replica that lags; ask again.
            UnreadableRecordError: a message is no event of a version known here; only a person can find out.
        """
        first = max(first, self.first_seq)
        found = await read_range(self._bus, subjects.SETTLEMENTS, first, count)
        found = [each for each in found if each.seq <= self.last_seq]
        if not found and self._bus.replicas > 1:
            raise BusUnavailableError(
                f"SETTLEMENTS was read at a replica that lags: up to {first - 1} of {self.last_seq}"
            )
        next_seq = found[-1].seq + 1 if found else self.last_seq + 1
        return StreamPart(tuple(self._settled(found)), next_seq, next_seq - first - len(found))

    async def is_first(self, seq: int, payment_id: str) -> bool:
        """Return whether that settlement of a payment is its first since the book was cleared: the book counts that.

        Raises:
            BusUnavailableError: no answer.
        """
        subject = subjects.settled("*", payment_id)
        found = await first_from(self._bus, subjects.SETTLEMENTS, self._cleared_seq + 1, subject)
        return found is not None and found.seq == seq

    def _settled(self, found: Iterable[ReadMessage]) -> Iterator[SettledRow]:
        for each in found:
            try:
                event = decode_settlement(each.data)
            except NotAnEventError as error:
                raise UnreadableRecordError(subjects.SETTLEMENTS, each.seq, str(error)) from error
            if isinstance(event, PaymentSettled):
                yield SettledRow(each.seq, event, each.seq > self._cleared_seq)
