"""Counting: replay the settlements, follow new ones, answer only from a whole book.

While the replay, or what was stored during an interruption, is not yet in the book,
a summary would be incomplete, so the answer is an error that says to ask again.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from services.contracts.durations import Durations
from services.contracts.events import PaymentRefused, PaymentReleased, PaymentSettled, Settlement, SettlementsCleared
from services.contracts.stamp import micros_of
from services.contracts.summary import Totals
from services.ledger.core.book import Book, Conflicting, Recorded, Repeated
from services.ledger.core.columns import BookImage
from services.ledger.core.integrity import Integrity
from services.ledger.core.recent_settlements import RecentSettlements
from services.ledger.core.snapshot import Position, ReadCounts
from services.ledger.flow.ports import Dispatchers, LedgerClock, Record, SettlementStream, Skip

STORED_WITHIN_S = 0.25
IN_THE_BOOK_WITHIN_S = 0.05
# A payment whose stamp is older than this was booked long ago: no call with its look-up takes this long.
RECENT_US = 60_000_000

log = logging.getLogger("tarifa.ledger")


@dataclass(slots=True)
class SnapshotFigures:
    """Snapshots for operators: the newest one's sequence, how many were refused, how many were not stored."""

    seq: int = 0
    refused: int = 0
    failed: int = 0


class Ledger:
    """The book, and how far the stream is in it.

    Args:
        book: empty.
        new_stream: returns the settlements, which call its arguments: the first with each event and its sequence, the
            second with the sequence of a message that is not an event, and why.
        dispatchers: the processes that store them.
        clock: the time.
        integrity: what is known about the stream that the settlements are read from.
    """

    def __init__(
        self,
        book: Book,
        new_stream: Callable[[Record, Skip], SettlementStream],
        dispatchers: Dispatchers,
        clock: LedgerClock,
        integrity: Integrity,
    ) -> None:
        self.book = book
        self.counted_after = Durations()
        self._dispatchers = dispatchers
        self._clock = clock
        self._recent = RecentSettlements()
        self._awaited: list[tuple[int, asyncio.Future[None]]] = []
        self.snapshots = SnapshotFigures()
        self._conflicts = 0
        self._unreadable = 0
        self.integrity = integrity
        self.settlements = new_stream(self.record, self.skip)

    async def run(self) -> None:
        """Follow the settlements until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.settlements.run())
            tasks.create_task(self._log_when_ready())

    def resume(self, position: Position, counts: ReadCounts) -> None:
        """Continue after a position, with the book as of it; call it before ``run``."""
        self._conflicts, self._unreadable = counts.conflicts, counts.unreadable
        self.integrity.resume(counts.missing, counts.sums)
        self.settlements.resume_after(position.seq)

    def image(self) -> tuple[BookImage, Position, ReadCounts] | None:
        """Return everything that the ledger knows and how far it has read; None if nothing is new, or it is not whole.

        It is of one moment: nothing else runs between an event's entry in the book and the change of the sequence.
        """
        position = self.settlements.position()
        if position is None or not self.integrity.is_whole(position.seq):
            return None
        return self.book.image(), position, ReadCounts(self._conflicts, self._unreadable, *self.integrity.taken())

    @property
    def applied_seq(self) -> int:
        """The sequence of the last message in the book."""
        return self.settlements.applied_seq

    def record(self, event: Settlement, seq: int) -> None:
        """Record one event in the book."""
        match event:
            case PaymentSettled() | PaymentRefused():
                self._record(event, seq)
            case PaymentReleased():
                log.info("ledger.released", extra={"seq": seq, "id": event.id, "to": event.to_processor})
            case SettlementsCleared():
                log.info("ledger.cleared", extra={"seq": seq, "entries": self.book.entries})
                self.book.clear()
                self._recent.clear()
            case _:
                assert_never(event)
        self._end_waits(seq)

    def skip(self, seq: int, reason: str) -> None:
        """Count a message that is not an event as unreadable; it must not delay the others."""
        self._unreadable += 1
        log.error("ledger.unreadable", extra={"seq": seq, "reason": reason})
        self._end_waits(seq)

    def totals(self, from_us: int | None, to_us: int | None) -> dict[str, Totals] | None:
        """Return the totals of a period of what is in the book, or None while the book is not whole."""
        return self.book.totals(from_us, to_us) if self.settlements.is_current else None

    async def summary(self, from_us: int | None, to_us: int | None, at: datetime | None) -> dict[str, Totals] | None:
        """Return the totals of a period as of a moment (None: now), or None while the book is not whole.

        Of recent settlements they include all whose processor had answered by that moment, by the dispatchers' own
        clocks, and none answered later; it waits at most 0.3 s for that, and then returns what is known.
        """
        if not self.settlements.is_current:
            return None
        if to_us is not None and to_us < self._clock.now_us() - RECENT_US:
            return self.totals(from_us, to_us)
        stored_up_to = await self._dispatchers.stored(at, STORED_WITHIN_S)
        if not await self._wait_until_read(stored_up_to.seq):
            log.warning("ledger.behind", extra={"seq": stored_up_to.seq, "applied_seq": self.applied_seq})
        totals = self.totals(from_us, to_us)
        if totals is None or stored_up_to.until_us is None:
            return totals
        return self._recent.without(totals, (from_us, to_us), stored_up_to.until_us, self._clock.now_s())

    async def _wait_until_read(self, seq: int) -> bool:
        """Wait until a sequence is in the book; return whether it is within IN_THE_BOOK_WITHIN_S."""
        if self.applied_seq >= seq:
            return True
        read = asyncio.get_running_loop().create_future()
        self._awaited.append((seq, read))
        await asyncio.wait((read,), timeout=IN_THE_BOOK_WITHIN_S)
        self._awaited = [one for one in self._awaited if one[1] is not read]
        return read.done()

    def _end_waits(self, seq: int) -> None:
        """End the waits for what is in the book now, up to a sequence."""
        for awaited, read in self._awaited:
            if awaited <= seq and not read.done():
                read.set_result(None)

    @property
    def damage(self) -> str:
        """What is wrong with SETTLEMENTS, in words; "" if nothing is."""
        return self.integrity.damage

    def why_not(self) -> str:
        """Return why there are no totals now."""
        if self.damage and not self.integrity.is_whole(self.applied_seq):
            return f"SETTLEMENTS is damaged: {self.damage}; totals would be wrong, and an operator must decide"
        return "the ledger has not read all settlements yet; ask again"

    def state(self) -> dict[str, int | bool]:
        """Return what an operator needs first. Conflicts and unreadable messages are those of everything stored."""
        return {
            "entries": self.book.entries,
            "refused": self.book.refused,
            "conflicts": self._conflicts,
            "unreadable": self._unreadable,
            "appliedSeq": self.settlements.applied_seq,
            "caughtUp": self.settlements.is_current,
            "missing": self.integrity.missing,
            "differing": self.integrity.differing,
            "reread": self.integrity.reread,
            "memoryBytes": self.book.memory_bytes,
            "snapshotSeq": self.snapshots.seq,
            "snapshotsRefused": self.snapshots.refused,
            "snapshotsFailed": self.snapshots.failed,
        }

    def _record(self, event: PaymentSettled | PaymentRefused, seq: int) -> None:
        recording = self.book.record(event)
        match recording:
            case Recorded():
                if isinstance(event, PaymentSettled) and self.settlements.is_current:
                    self._note_recent(event)
            case Repeated():
                pass
            case Conflicting(found, given):
                self._conflicts += 1
                log.error("ledger.conflict", extra={"seq": seq, "found": found, "given": given})
            case _:
                assert_never(recording)

    def _note_recent(self, event: PaymentSettled) -> None:
        """Keep a settlement for the summaries of the next moments, and measure how long it took to get here."""
        self._recent.add(event, self._clock.now_s())
        if event.booked_at is not None:
            self.counted_after.add(max(0.0, (self._clock.now_us() - micros_of(event.booked_at)) / 1000))

    async def _log_when_ready(self) -> None:
        clock = asyncio.get_running_loop().time
        start_s = clock()
        await self.settlements.caught_up()
        fields = {
            "entries": self.book.entries,
            "seq": self.settlements.applied_seq,
            "seconds": round(clock() - start_s, 3),
        }
        log.info("ledger.ready", extra=fields)
