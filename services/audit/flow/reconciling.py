"""The flow of a comparison with a statement: read its rows, read our records of the same period, report differences."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime

from services.audit.core.statement import OurRecord, StatementFault, StatementFinding, StatementRow, compared
from services.audit.core.statement_report import StatementReport
from services.audit.flow.ports import Progress, StatementTables
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentSettled, Settlement
from services.contracts.period import Period
from services.contracts.stamp import micros_of, stamp_from_micros

AT_ONCE = 2_000  # rows and payments between two yields to the event loop, and of one step of the display


class NothingToCompareError(Exception):
    """No row could be read and no period was given: it is not known which of our settlements to compare."""


Show = Callable[[StatementFinding], None]


async def take_statement(
    rows: Iterator[StatementRow],
    processor: str,
    period: Period,
    *,
    tables: StatementTables,
    show: Show,
    progress: Progress,
) -> StatementReport:
    """Read the statement's rows, show the malformed ones, and return the report as far as it is known.

    ``period``: that of the statement; open at both ends: from its first to its last stamp.

    Raises:
        NothingToCompareError: give a period, or another file.
    """
    progress.begin("reading the statement", 0)
    report = StatementReport(processor, period, is_period_given=period != Period())
    held: list[StatementRow] = []
    for row in rows:
        report.rows += 1
        if row.wrong is not None:
            _report(StatementFinding(StatementFault.MALFORMED, row.payment_id, (row,), ()), report, show)
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


class OurRecords:
    """Collects from our streams what concerns the statement; implements the adapter's port ``Reader``."""

    def __init__(self, report: StatementReport, tables: StatementTables) -> None:
        self._report = report
        self._tables = tables
        self._ours: list[tuple[str, OurRecord]] = []
        self._if_stated: list[tuple[str, OurRecord]] = []

    def take_accepted(self, event: PaymentAccepted) -> None:
        """Take a message of PAYMENTS: its payment may be charged already."""
        self._take(event.id, OurRecord("accepted", "", event.amount_cents, None, is_here=False), None)

    def take_settlement(self, event: Settlement, seq: int) -> None:  # noqa: ARG002  # of the port: the audit wants it
        """Take a message of SETTLEMENTS."""
        if not isinstance(event, PaymentSettled | PaymentRefused):
            return
        here = event.processor == self._report.processor
        if isinstance(event, PaymentSettled):
            at = event.requested_at
            self._take(event.id, OurRecord("settled", event.processor, event.amount_cents, micros_of(at), here), at)
        else:
            self._take(event.id, OurRecord("refused", event.processor, event.amount_cents, None, here), None)

    def take_unreadable(self, where: str, reason: str) -> None:
        """Note a message that is not an event: it may be about a payment of the statement."""
        self._report.unreadable.append(f"{where}: {reason}")

    def take_missing(self, stream: str, first: int, last: int) -> None:
        """Note sequences without a message: what they were is not compared."""
        where = f"{first} to {last}" if last > first else f"{first}"
        self._report.missing.append(f"{stream} {where}: {last - first + 1} lost")

    def end(self) -> None:
        """Write what is still buffered."""
        self._tables.add_entries(self._ours)
        self._tables.add_entries_if_stated(self._if_stated)
        self._ours.clear()
        self._if_stated.clear()

    def _take(self, payment_id: str, entry: OurRecord, at: datetime | None) -> None:
        is_due = entry.is_here and at is not None and at in self._report.period
        (self._ours if is_due else self._if_stated).append((payment_id, entry))
        if len(self._ours) + len(self._if_stated) >= AT_ONCE:
            self.end()


async def compare_sides(
    report: StatementReport, tolerance_us: int, *, tables: StatementTables, show: Show, progress: Progress
) -> None:
    """Show every finding, by id, and complete the report."""
    progress.begin("comparing", 0)
    for number, (payment_id, rows, entries) in enumerate(tables.payments(), 1):
        for finding in compared(payment_id, rows, entries, tolerance_us):
            _report(finding, report, show)
        if number % AT_ONCE == 0:
            progress.at(number)
            await asyncio.sleep(0)
    report.days = tables.days()
    report.entries = tables.settled_here()


def _report(finding: StatementFinding, report: StatementReport, show: Show) -> None:
    report.found[finding.kind] += 1
    show(finding)
