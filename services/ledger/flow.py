"""The story of the ledger: replay what was settled, go on as it is settled, answer only from a whole book.

What is not whole is not answered: while the replay, or what was stored during an interruption, is not in the book yet,
a summary would be short, and whoever asks is told to ask again.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol, assert_never

from services.contracts.events import PaymentRefused, PaymentSettled, Settlement, SettlementsCleared
from services.contracts.summary import Totals
from services.ledger.core.book import Book, Conflicting, Recorded, Repeated

log = logging.getLogger("tarifa.ledger")


class Settlements(Protocol):
    """All that was and will be settled, each event told once and in order."""

    @property
    def applied_seq(self) -> int:
        """The sequence of the last message told."""

    @property
    def is_current(self) -> bool:
        """Whether all has been told that was stored when the connection was last made."""

    async def caught_up(self) -> None:
        """Wait until all has been told that is stored."""

    async def run(self) -> None:
        """Tell until cancelled; an exception of the listener ends it."""


Record = Callable[[Settlement, int], None]
Skip = Callable[[int, str], None]


class Ledger:
    """The book, and what of the stream is in it.

    Args:
        book: empty.
        listen: returns the settlements, which will be told to its arguments: each event with its sequence, or the
            sequence of a message that is no event and why it is none.
    """

    def __init__(self, book: Book, listen: Callable[[Record, Skip], Settlements]) -> None:
        self._book = book
        self._conflicts = 0
        self._unreadable = 0
        self._settlements = listen(self.record, self.skip)

    async def run(self) -> None:
        """Follow the settlements until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._settlements.run())
            tasks.create_task(self._tell_when_ready())

    def record(self, event: Settlement, seq: int) -> None:
        """Take one event into the book."""
        match event:
            case PaymentSettled() | PaymentRefused():
                self._record(event, seq)
            case SettlementsCleared():
                log.info("ledger.cleared", extra={"seq": seq, "entries": self._book.entries})
                self._book.clear()
            case _:
                assert_never(event)

    def skip(self, seq: int, reason: str) -> None:
        """Count a message that is no event: nothing of it can be counted, and it must not hold the others up."""
        self._unreadable += 1
        log.error("ledger.unreadable", extra={"seq": seq, "reason": reason})

    def summary(self, from_us: int | None, to_us: int | None) -> dict[str, Totals] | None:
        """Return the totals of a period, or None while the book is not whole."""
        return self._book.totals(from_us, to_us) if self._settlements.is_current else None

    def state(self) -> dict[str, int | bool]:
        """Return what an operator asks first. Conflicts and unreadable messages: since the start, replay included."""
        return {
            "entries": self._book.entries,
            "refused": self._book.refused,
            "conflicts": self._conflicts,
            "unreadable": self._unreadable,
            "appliedSeq": self._settlements.applied_seq,
            "caughtUp": self._settlements.is_current,
            "memoryBytes": self._book.memory_bytes,
        }

    def _record(self, event: PaymentSettled | PaymentRefused, seq: int) -> None:
        recording = self._book.record(event)
        match recording:
            case Recorded() | Repeated():
                pass
            case Conflicting(found, told):
                self._conflicts += 1
                log.error("ledger.conflict", extra={"seq": seq, "found": found, "told": told})
            case _:
                assert_never(recording)

    async def _tell_when_ready(self) -> None:
        clock = asyncio.get_running_loop().time
        start_s = clock()
        await self._settlements.caught_up()
        fields = {
            "entries": self._book.entries,
            "seq": self._settlements.applied_seq,
            "seconds": round(clock() - start_s, 3),
        }
        log.info("ledger.ready", extra=fields)
