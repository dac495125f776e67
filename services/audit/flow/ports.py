"""What the flow needs from outside. Adapters implement these; tests have fakes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from services.audit.core.answer import Answer
from services.audit.core.records import Records
from services.audit.core.spans import Span
from services.audit.core.statement import OurRecord, StatementRow
from services.audit.core.statement_report import Day
from services.contracts.operations import Operation
from services.contracts.releasing import Confirmed, ReleaseAnswered


class AskedProcessor(Protocol):
    """One processor's public API."""

    async def ask(self, payment_id: str) -> Answer:
        """Ask once whether it has the payment; never raises, whatever the processor does."""


class Progress(Protocol):
    """Shows the progress of long work."""

    def begin(self, what: str, total: int) -> None:
        """Begin a piece of work; ``total`` 0: unknown."""

    def at(self, done: int) -> None:
        """Show that so much of it is done."""

    def say(self, text: str) -> None:
        """Print a sentence that stays."""


class Streams(Protocol):
    """Our own streams, read without a consumer."""

    async def read_into(self, records: Records) -> None:
        """Pass all messages to ``records``, PAYMENTS first.

        Raises:
            BusUnavailableError, ApiError, StreamWentBackError: they could not be read to their end; nothing is known.
        """


class SettlementReader(Protocol):
    """SETTLEMENTS, read from a sequence on."""

    async def read(self, first: int) -> Sequence[tuple[int, bytes]]:
        """Return the next messages with their sequences, some hundreds at most; empty: there are no more now.

        Raises:
            BusUnavailableError: no complete answer; ask again later.
        """


class SpanReceiver(Protocol):
    """Where spans are exported to: a collector, or a file."""

    async def send(self, spans: Sequence[Span]) -> int:
        """Send spans; return how many of them were refused for good.

        Raises:
            NotTakenError: they were not taken, after several tries.
        """


class StatementTables(Protocol):
    """Rows and entries, of which there are more than memory holds."""

    def add_rows(self, rows: Iterable[StatementRow]) -> None:
        """Add rows that have at least an id."""

    def index_rows(self) -> tuple[int, int] | None:
        """Index the rows; return their first and last stamp in microseconds, None if no row has one."""

    def add_entries(self, entries: Sequence[tuple[str, OurRecord]]) -> None:
        """Add entries, each with its payment's id."""

    def add_entries_if_stated(self, entries: Sequence[tuple[str, OurRecord]]) -> None:
        """Add those whose payment has a row."""

    def payments(self) -> Iterator[tuple[str, list[StatementRow], list[OurRecord]]]:
        """Yield all payments by id."""

    def days(self) -> list[Day]:
        """Return the totals of each day (UTC) on which either side has something."""

    def settled_here(self) -> int:
        """Return how many settlements were taken."""


class ReleaseDispatchers(Protocol):
    """The dispatchers, one of which does it. Either may raise BusUnavailableError: not known, ask again."""

    async def look(self, payment_id: str, to: str) -> ReleaseAnswered:
        """Return what is known, and whether it may be released to ``to``."""

    async def release(self, payment_id: str, to: str, confirmed: Confirmed) -> ReleaseAnswered:
        """Have it released, if what the operator has judged still holds."""


class OperatorDialog(Protocol):
    """The person at the terminal, or an option given instead."""

    def show(self, text: str) -> None:
        """Print a text."""

    async def accepts(self, payment_id: str) -> bool:
        """Ask twice; return whether the risk is accepted."""


class OperationOutcome(Protocol):
    """The outcome of the operation that OPERATIONS gets; without a call of ``refused`` it was done."""

    def refused(self, why: str) -> None:
        """Record that nothing was done."""


# Records the request before the body, and the outcome after it. Raises StoreUnavailableError: it was not recorded, and
# nothing is done.
Recorded = Callable[[Operation], AbstractAsyncContextManager[OperationOutcome]]
