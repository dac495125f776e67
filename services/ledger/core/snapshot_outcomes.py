"""The possible results of loading a snapshot, and of saving one."""

from dataclasses import dataclass

from services.ledger.core.snapshot import Position, ReadCounts


@dataclass(frozen=True, slots=True)
class Restored:
    """The book is that of the snapshot; continue after its position."""

    position: Position
    counts: ReadCounts


@dataclass(frozen=True, slots=True)
class NoSnapshot:
    """There is none: the first start, or too little was settled so far."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """There is one, but it must not be used; the book is empty."""

    reason: str


@dataclass(frozen=True, slots=True)
class Damaged:
    """SETTLEMENTS has lost what was read of it before: no book of it would be whole. The book is empty."""

    reason: str


Loaded = Restored | NoSnapshot | Unusable | Damaged


@dataclass(frozen=True, slots=True)
class Saved:
    """It is stored. ``stored_now``: the chunks that the previous snapshot lacked; ``size``: of all chunks, in bytes."""

    stored_now: int
    chunks: int
    size: int


@dataclass(frozen=True, slots=True)
class NotSaved:
    """It is not stored, or that is unknown; the previous snapshot stays valid. Try again later."""

    reason: str
