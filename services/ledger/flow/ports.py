"""What the flow needs from outside. Adapters implement these; tests have fakes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from services.contracts.events import Settlement
from services.contracts.history import VitalsSampled
from services.contracts.pulse import Pulse
from services.ledger.core.book import Book
from services.ledger.core.columns import Picture
from services.ledger.core.integrity import Extent
from services.ledger.core.recent import Cut
from services.ledger.core.snapshot import Counts, Position
from services.ledger.core.snapshot_outcomes import Loaded, NotSaved, Saved
from services.overview.core.vitals import Backlog

Record = Callable[[Settlement, int], None]
Skip = Callable[[int, str], None]


class Settlements(Protocol):
    """All that was and will be settled, each event passed on once and in order."""

    @property
    def applied_seq(self) -> int:
        """The sequence of the last message passed on."""

    @property
    def is_current(self) -> bool:
        """Whether all that was stored when the connection was last made is passed on."""

    def position(self) -> Position | None:
        """Return the last message passed on; None before the first one of this run."""

    def resume_after(self, seq: int) -> None:
        """Begin after a sequence; before ``run``."""

    async def caught_up(self) -> None:
        """Wait until all that is stored is passed on."""

    async def run(self) -> None:
        """Read until cancelled; an exception of ``record`` or ``skip`` ends it."""


class Dispatchers(Protocol):
    """The processes that store settlements."""

    async def stored(self, asked_at: datetime | None, within_s: float) -> Cut:
        """Have stored what was booked by then; takes no longer than ``within_s``. Never raises."""


class Clock(Protocol):
    """Time that never goes back, and the machine's."""

    def now_s(self) -> float:
        """Return seconds of a clock that never goes back."""

    def now_us(self) -> int:
        """Return microseconds since 1970."""


class Snapshots(Protocol):
    """The newest snapshot of the book. Neither method raises where NATS is away."""

    async def load(self, book: Book) -> Loaded:
        """Take it into an empty book, which is empty again where that fails."""

    async def save(self, picture: Picture, position: Position, counts: Counts) -> Saved | NotSaved:
        """Replace it; whatever fails on the way leaves the one before."""

    async def record_reached(self, position: Position) -> None:
        """Store how far was read, which a later ``load`` must find again; where that fails it is logged."""


class Checks(Protocol):
    """Looks whether what is counted is still stored."""

    async def run(self) -> None:
        """Look until cancelled; raises StoreWentBackError where it is other than what was counted."""


class Signs(Protocol):
    """The source of the vitals."""

    def pulses(self, receive: Callable[[Pulse], None]) -> AbstractAsyncContextManager[None]:
        """Call ``receive`` with every pulse inside the block."""

    async def backlog(self) -> Backlog | None:
        """Return what waits to be settled, within a second; None where NATS does not answer."""


class SampleStream(Protocol):
    """VITALS, the samples of the last day. Neither method raises where NATS is away."""

    def stored(self) -> AsyncIterator[VitalsSampled]:
        """Yield all that are stored, some of them again where reading has to begin anew."""

    async def store(self, sample: VitalsSampled) -> None:
        """Store one; where that fails it is logged, and the sample is lost with the process."""


class Stored(Protocol):
    """SETTLEMENTS as it is stored now, read again without consuming anything. Every method raises AwayError."""

    async def extent(self) -> Extent:
        """Return what the server says of it."""

    async def is_there(self, position: Position) -> bool | None:
        """Return whether a message is still stored; None: another one has its sequence."""

    async def read(self, first: int, count: int) -> list[tuple[int, bytes]]:
        """Return sequence and data of the messages from a sequence on, at most so many; none: there are no more."""
