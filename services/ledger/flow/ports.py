"""What the flow needs from outside. Adapters implement these; tests have fakes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from services.contracts.events import Settlement
from services.contracts.history import VitalsSampled
from services.contracts.pulse import Pulse
from services.ledger.core.book import Book
from services.ledger.core.columns import BookImage
from services.ledger.core.integrity import Extent
from services.ledger.core.recent_settlements import StoredUpTo
from services.ledger.core.snapshot import Position, ReadCounts
from services.ledger.core.snapshot_outcomes import Loaded, NotSaved, Saved
from services.overview.core.vitals import Backlog

Record = Callable[[Settlement, int], None]
Skip = Callable[[int, str], None]


class SettlementStream(Protocol):
    """All past and future settlements, each passed on once and in order."""

    @property
    def applied_seq(self) -> int:
        """The sequence of the last message passed on."""

    @property
    def is_current(self) -> bool:
        """Whether everything stored when the connection was last made was passed on."""

    def position(self) -> Position | None:
        """Return the last message passed on; None before the first one of this run."""

    def resume_after(self, seq: int) -> None:
        """Start after a sequence; call it before ``run``."""

    async def caught_up(self) -> None:
        """Wait until everything stored was passed on."""

    async def run(self) -> None:
        """Read until cancelled; an exception of ``record`` or ``skip`` ends it."""


class Dispatchers(Protocol):
    """The processes that store settlements."""

    async def stored(self, asked_at: datetime | None, within_s: float) -> StoredUpTo:
        """Return once they have stored what was booked by then; takes at most ``within_s``. Never raises."""


class LedgerClock(Protocol):
    """A clock that never goes back, and the machine's clock."""

    def now_s(self) -> float:
        """Return seconds of a clock that never goes back."""

    def now_us(self) -> int:
        """Return microseconds since 1970, UTC."""


class Snapshots(Protocol):
    """The newest snapshot of the book. No method raises while NATS is away."""

    async def load(self, book: Book) -> Loaded:
        """Load it into an empty book; if that fails, the book is empty again."""

    async def save(self, image: BookImage, position: Position, counts: ReadCounts) -> Saved | NotSaved:
        """Replace it; if anything fails, the previous one stays."""

    async def record_reached(self, position: Position) -> None:
        """Store how far was read, which a later ``load`` must find again; a failure is logged."""


class Checks(Protocol):
    """Checks that what was counted is still stored."""

    async def run(self) -> None:
        """Check until cancelled; raises StoreWentBackError if it is not what was counted."""


class VitalsSource(Protocol):
    """From where the vitals come: the pulses of all instances, and the length of PAYMENTS."""

    def pulses(self, receive: Callable[[Pulse], None]) -> AbstractAsyncContextManager[None]:
        """Call ``receive`` with every pulse inside the block."""

    async def backlog(self) -> Backlog | None:
        """Return what waits to be settled, within a second; None if NATS does not answer."""


class SampleStream(Protocol):
    """VITALS, the samples of the last day. Neither method raises while NATS is away."""

    def stored(self) -> AsyncIterator[VitalsSampled]:
        """Yield all stored samples, some of them again if reading has to restart."""

    async def store(self, sample: VitalsSampled) -> None:
        """Store one; a failure is logged, and the sample is lost when the process ends."""


class StoredSettlements(Protocol):
    """SETTLEMENTS as it is stored now, read without consuming. Every method may raise StoreUnavailableError."""

    async def extent(self) -> Extent:
        """Return the server's counts."""

    async def is_there(self, position: Position) -> bool | None:
        """Return whether a message is still stored; None: another message has its sequence."""

    async def read(self, first: int, count: int) -> list[tuple[int, bytes]]:
        """Return sequence and data of at most ``count`` messages from a sequence on; none: there are no more."""
