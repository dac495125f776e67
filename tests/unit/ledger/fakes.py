"""Fakes of the ledger's own small ports."""

import asyncio
from datetime import datetime

from services.ledger.core.integrity import Extent
from services.ledger.core.recent_settlements import StoredUpTo
from services.ledger.core.snapshot import Position, fingerprint
from services.ledger.flow.ports import Record, Skip


class NoDispatchers:
    """No dispatcher but the test itself stores settlements; ``stored_up_to`` is what they answer."""

    def __init__(self) -> None:
        self.stored_up_to = StoredUpTo(0, None)
        self.asked: list[datetime | None] = []

    async def stored(self, asked_at: datetime | None, within_s: float) -> StoredUpTo:
        """Record the call, and answer."""
        self.asked.append(asked_at)
        return self.stored_up_to


class StillClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.s = 1_000.0
        self.us = 0

    def now_s(self) -> float:
        """Return the seconds that the test set."""
        return self.s

    def now_us(self) -> int:
        """Return the microseconds that the test set."""
        return self.us


class StreamInHand:
    """A stream of settlements that is current once the test says so."""

    def __init__(self, record: Record, skip: Skip) -> None:
        self.record = record
        self.skip = skip
        self.applied_seq = 0
        self.reached: Position | None = None
        self.current = asyncio.Event()

    @property
    def is_current(self) -> bool:
        """Whether the test said so."""
        return self.current.is_set()

    def position(self) -> Position | None:
        """Return what the test set."""
        return self.reached

    def resume_after(self, seq: int) -> None:
        """Start after that sequence."""
        self.applied_seq = seq

    async def caught_up(self) -> None:
        """Wait for the test."""
        await self.current.wait()

    async def run(self) -> None:
        """Deliver nothing by itself."""
        await asyncio.Event().wait()


class NoChecks:
    """No checks of what is stored."""

    async def run(self) -> None:
        """Never find anything."""
        await asyncio.Event().wait()


class StoredInHand:
    """A stored stream whose messages the test adds and removes."""

    def __init__(self) -> None:
        self.messages: dict[int, bytes] = {}
        self.last_seq = 0
        self.created = "then"

    def store(self, count: int) -> None:
        """Store ``count`` more messages."""
        for seq in range(self.last_seq + 1, self.last_seq + count + 1):
            self.messages[seq] = b"message %d" % seq
            self.last_seq = seq

    def position(self, seq: int) -> Position:
        """Return the position of a message as stored now."""
        return Position(seq, fingerprint("", self.messages[seq]))

    async def extent(self) -> Extent:
        """Return what a server would say."""
        return Extent(self.created, len(self.messages), self.last_seq)

    async def is_there(self, position: Position) -> bool | None:
        """Return whether it is stored; None: another message is stored in its place."""
        if position.seq not in self.messages:
            return False
        return True if self.position(position.seq) == position else None

    async def read(self, first: int, count: int) -> list[tuple[int, bytes]]:
        """Return up to ``count`` messages from ``first`` on."""
        return [(seq, data) for seq, data in sorted(self.messages.items()) if seq >= first][:count]
