"""The story of a comparison with a statement: take its rows, take what we have of the same time, name what differs."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from services.audit.core.period import Period
from services.audit.core.statement import Entry, Fault, Row, StatementFinding, compared
from services.audit.core.statement_report import Day, StatementReport
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentSettled, Settlement
from services.contracts.stamp import micros_of, stamp_from_micros

AT_ONCE = 2_000  # rows and payments between two looks at whether to go on, and of one step of the display


class NothingToCompareError(Exception):
    """No row could be read, and no period was given: what of ours should be there is not known."""


class Tables(Protocol):
    """Rows and entries, more than memory holds."""

    def add_rows(self, rows: Iterable[Row]) -> None:
        """Take rows that have at least an id."""

    def index_rows(self) -> tuple[int, int] | None:
        """Make rows ready to be looked for; return their first and last stamp."""

    def add_entries(self, told: Sequence[tuple[str, Entry]]) -> None:
        """Take entries, each with its payment's id."""

    def add_entries_if_stated(self, told: Sequence[tuple[str, Entry]]) -> None:
        """Take those of whose payments there is a row."""

    def payments(self) -> Iterator[tuple[str, list[Row], list[Entry]]]:
        """Yield all payments by id."""

    def days(self) -> list[Day]:
        """Return the totals of each day."""

    def settled_here(self) -> int:
        """Return how many settlements were taken."""


class Progress(Protocol):
    """Shows how far long work has come."""

    def begin(self, what: str, total: int) -> None:
        """Begin a piece of work; ``total`` 0: how much it is cannot be told."""

    def at(self, done: int) -> None:
        """So much of it is done."""


Show = Callable[[StatementFinding], None]


async def take_statement(
    rows: Iterator[Row], processor: str, period: Period, *, tables: Tables, show: Show, progress: Progress
) -> StatementReport:
    """Take the statement's rows, show the malformed ones, and return the report as far as it is known then.

    ``period``: what the statement is about; open at both ends: from its first to its last stamp.

    Raises:
        NothingToCompareError: say a period, or give another file.
    """
    progress.begin("reading the statement", 0)
    report = StatementReport(processor, period, is_period_given=period != Period())
    held: list[Row] = []
    for row in rows:
        report.rows += 1
        if row.wrong is not None:
            _tell(StatementFinding(Fault.MALFORMED, row.payment_id, (row,), ()), report, show)
        if row.payment_id is not None:
            held.append(row)
        if len(held) >= AT_ONCE or report.rows % AT_ONCE == 0:
            tables.add_rows(held)
            held.clear()
            progress.at(report.rows)
            await asyncio.sleep(0)  # for Ctrl-C
    tables.add_rows(held)
    ends = tables.index_rows()
    if not report.is_period_given:
        if ends is None:
            raise NothingToCompareError("no row of it could be read: give --from and --to, or another file")
        report.period = Period(*map(stamp_from_micros, ends))
    return report


class OurSide:
    """Takes what our streams say, as far as it is about the statement; keeps the adapter's port ``Reader``."""

    def __init__(self, report: StatementReport, tables: Tables) -> None:
        self._report = report
        self._tables = tables
        self._ours: list[tuple[str, Entry]] = []
        self._if_stated: list[tuple[str, Entry]] = []

    def take_accepted(self, event: PaymentAccepted) -> None:
        """Take a message of PAYMENTS: it may be charged already."""
        self._take(event.id, Entry("accepted", "", event.amount_cents, None, is_here=False), None)

    def take_settlement(self, event: Settlement, seq: int) -> None:  # noqa: ARG002  # of the port: the audit wants it
        """Take a message of SETTLEMENTS."""
        if not isinstance(event, PaymentSettled | PaymentRefused):
            return
        here = event.processor == self._report.processor
        if isinstance(event, PaymentSettled):
            at = event.requested_at
            self._take(event.id, Entry("settled", event.processor, event.amount_cents, micros_of(at), here), at)
        else:
            self._take(event.id, Entry("refused", event.processor, event.amount_cents, None, here), None)

    def take_unreadable(self, where: str, reason: str) -> None:
        """Note a message that is no event: it may be about a payment of the statement."""
        self._report.unreadable.append(f"{where}: {reason}")

    def take_missing(self, stream: str, first: int, last: int) -> None:
        """Note sequences without a message: whatever they were is not compared."""
        where = f"{first} to {last}" if last > first else f"{first}"
        self._report.missing.append(f"{stream} {where}: {last - first + 1} lost")

    def end(self) -> None:
        """Take what is left."""
        self._tables.add_entries(self._ours)
        self._tables.add_entries_if_stated(self._if_stated)
        self._ours.clear()
        self._if_stated.clear()

    def _take(self, payment_id: str, entry: Entry, at: datetime | None) -> None:
        is_due = entry.is_here and at is not None and at in self._report.period
        (self._ours if is_due else self._if_stated).append((payment_id, entry))
        if len(self._ours) + len(self._if_stated) >= AT_ONCE:
            self.end()


async def compare_sides(
    report: StatementReport, tolerance_us: int, *, tables: Tables, show: Show, progress: Progress
) -> None:
    """Show every finding, by id, and complete the report."""
    progress.begin("comparing", 0)
    for number, (payment_id, rows, entries) in enumerate(tables.payments(), 1):
        for finding in compared(payment_id, rows, entries, tolerance_us):
            _tell(finding, report, show)
        if number % AT_ONCE == 0:
            progress.at(number)
            await asyncio.sleep(0)
    report.days = tables.days()
    report.entries = tables.settled_here()


def _tell(finding: StatementFinding, report: StatementReport, show: Show) -> None:
    report.found[finding.kind] += 1
    show(finding)
