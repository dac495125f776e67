"""Counting: replay what was settled, go on as it is settled, answer only from a whole book.

What is not whole is not answered: while the replay, or what was stored during an interruption, is not in the book yet,
a summary would be short, and whoever asks is told to ask again.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from services.contracts.events import PaymentRefused, PaymentReleased, PaymentSettled, Settlement, SettlementsCleared
from services.contracts.summary import Totals
from services.ledger.core.book import Book, Conflicting, Recorded, Repeated
from services.ledger.core.columns import Picture
from services.ledger.core.snapshot import Counts, Position
from services.ledger.flow.ports import Record, Settlements, Skip

log = logging.getLogger("tarifa.ledger")


@dataclass(slots=True)
class Kept:
    """What an operator asks about snapshots: what the newest covers, and how often one was of no use or not stored."""

    seq: int = 0
    refused: int = 0
    failed: int = 0


class Ledger:
    """The book, and what of the stream is in it.

    Args:
        book: empty.
        listen: returns the settlements, which will be told to its arguments: each event with its sequence, or the
            sequence of a message that is no event and why it is none.
    """

    def __init__(self, book: Book, listen: Callable[[Record, Skip], Settlements]) -> None:
        self.book = book
        self.kept = Kept()
        self._conflicts = 0
        self._unreadable = 0
        self._settlements = listen(self.record, self.skip)

    async def run(self) -> None:
        """Follow the settlements until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._settlements.run())
            tasks.create_task(self._tell_when_ready())

    def resume(self, position: Position, counts: Counts) -> None:
        """Go on after a position, with the book as it was there; before ``run``."""
        self._conflicts, self._unreadable = counts.conflicts, counts.unreadable
        self._settlements.resume_after(position.seq)

    def picture(self) -> tuple[Picture, Position, Counts] | None:
        """Return all that the ledger knows and how far it has come; None while that is nothing new.

        Of one moment: an event is in the book, and its sequence is the last one told, without a pause in between.
        """
        position = self._settlements.position()
        if position is None:
            return None
        return self.book.picture(), position, Counts(self._conflicts, self._unreadable)

    @property
    def applied_seq(self) -> int:
        """The sequence of the last message in the book."""
        return self._settlements.applied_seq

    def record(self, event: Settlement, seq: int) -> None:
        """Take one event into the book."""
        match event:
            case PaymentSettled() | PaymentRefused():
                self._record(event, seq)
            case PaymentReleased():
                log.info("ledger.released", extra={"seq": seq, "id": event.id, "to": event.to_processor})
            case SettlementsCleared():
                log.info("ledger.cleared", extra={"seq": seq, "entries": self.book.entries})
                self.book.clear()
            case _:
                assert_never(event)

    def skip(self, seq: int, reason: str) -> None:
        """Count a message that is no event: nothing of it can be counted, and it must not hold the others up."""
        self._unreadable += 1
        log.error("ledger.unreadable", extra={"seq": seq, "reason": reason})

    def summary(self, from_us: int | None, to_us: int | None) -> dict[str, Totals] | None:
        """Return the totals of a period, or None while the book is not whole."""
        return self.book.totals(from_us, to_us) if self._settlements.is_current else None

    def state(self) -> dict[str, int | bool]:
        """Return what an operator asks first. Conflicts and unreadable messages: of all that is stored."""
        return {
            "entries": self.book.entries,
            "refused": self.book.refused,
            "conflicts": self._conflicts,
            "unreadable": self._unreadable,
            "appliedSeq": self._settlements.applied_seq,
            "caughtUp": self._settlements.is_current,
            "memoryBytes": self.book.memory_bytes,
            "snapshotSeq": self.kept.seq,
            "snapshotsRefused": self.kept.refused,
            "snapshotsFailed": self.kept.failed,
        }

    def _record(self, event: PaymentSettled | PaymentRefused, seq: int) -> None:
        recording = self.book.record(event)
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
            "entries": self.book.entries,
            "seq": self._settlements.applied_seq,
            "seconds": round(clock() - start_s, 3),
        }
        log.info("ledger.ready", extra=fields)
