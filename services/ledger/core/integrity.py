"""Whether SETTLEMENTS still holds what was counted, and whether that is all of it.

A message that is damaged after it was counted makes the stream wrong but not the book, which
continues to answer; one that is lost before it was counted makes the book incomplete, and then nothing may be answered.
Sequences have no gaps, and SETTLEMENTS deletes nothing: each missing one is a lost settlement,
unless an operator has declared that many as missing.
"""

from dataclasses import dataclass

from services.ledger.core.sums import SummedStretch, Sums, SumsTaken


@dataclass(frozen=True, slots=True)
class Extent:
    """A stream as its server reports it: when it was created, how many messages it holds, and its last sequence."""

    created: str
    messages: int
    last_seq: int

    @property
    def missing(self) -> int:
        """How many of the sequences from 1 to ``last_seq`` have no message."""
        return self.last_seq - self.messages


class Integrity:
    """What is known about SETTLEMENTS.

    Args:
        known_missing: how many sequences without a message are accepted, wherever they are (SETTLEMENTS_MISSING).
    """

    def __init__(self, known_missing: int = 0) -> None:
        self.reread = 0  # messages that were read again and compared
        self._known = known_missing
        self._sums = Sums()
        self._missing = 0  # sequences without a message, found while counting
        self._missing_stored = 0  # as the server reports
        self._must_reach: int | None = None  # None: ``looked`` was not called since the connection was made
        self._differing: list[SummedStretch] = []
        self._broken = ""

    def counted(self, before: int, seq: int, data: bytes) -> int:
        """Record that a message after ``before`` is counted; return how many sequences between have no message."""
        passed_over = seq - before - 1
        self._missing += passed_over
        self._sums.add(seq, data)
        return passed_over

    def resume(self, missing: int, sums: SumsTaken) -> None:
        """Continue from a snapshot: its count of missing sequences, and its sums."""
        self._missing, self._sums = missing, Sums(sums)

    def broken(self, reason: str) -> None:
        """Record that no book can be made of what is stored."""
        self._broken = reason

    def looked(self, extent: Extent, must_reach: int) -> None:
        """Record the server's counts, and the sequence that a whole book must have counted by now."""
        self._missing_stored, self._must_reach = extent.missing, must_reach

    def reconnected(self) -> None:
        """Record a reconnect: another server may answer now, so the book is not whole before the next ``looked``."""
        self._must_reach = None

    @property
    def is_looked_at(self) -> bool:
        """Whether ``looked`` was called since the connection was made."""
        return self._must_reach is not None

    def compared(self, stretch: SummedStretch, *, holds: bool) -> bool:
        """Record that a stretch was read again; return whether the result has changed."""
        others = [each for each in self._differing if each.last < stretch.first or each.first > stretch.last]
        was_known = len(others) < len(self._differing)
        self._differing = others if holds else [*others, stretch]
        return was_known == holds

    def is_whole(self, applied_seq: int) -> bool:
        """Return whether everything ever stored up to what must have been counted is in the book."""
        if self._must_reach is None or self._broken:
            return False
        return self._missing + max(0, self._must_reach - applied_seq) <= self._known

    def stretches(self, applied_seq: int) -> list[SummedStretch]:
        """Return the stretches with their sums, to be compared when they are read again."""
        return self._sums.stretches(applied_seq)

    def taken(self) -> tuple[int, SumsTaken]:
        """Return what a snapshot holds: the number of missing sequences, and the sums."""
        return self._missing, self._sums.taken()

    @property
    def missing(self) -> int:
        """How many sequences have no message, beyond those declared missing."""
        return max(0, max(self._missing, self._missing_stored) - self._known)

    @property
    def differing(self) -> int:
        """How many stretches differ from what was counted."""
        return len(self._differing)

    @property
    def damage(self) -> str:
        """What is wrong with the stream, in words that can follow "SETTLEMENTS is damaged:"; "" if nothing is."""
        said = [self._broken] if self._broken else []
        if self.missing:
            said.append(f"{self.missing} of its messages are missing")
        if self._differing:
            stretches = sorted(self._differing, key=lambda each: each.first)
            where = ", ".join(f"{each.first} to {each.last}" for each in stretches[:3])
            more = f" and {len(stretches) - 3} other stretches" if len(stretches) > 3 else ""  # noqa: PLR2004
            said.append(f"what is stored at {where}{more} is not what was counted")
        return "; ".join(said)
