"""The flow of an audit: collect the period's payments, ask every processor about each, report every difference."""

import asyncio
from collections.abc import Callable, Iterator

from services.audit.core.audit_report import AuditReport
from services.audit.core.comparing import Finding, compare
from services.audit.core.records import Record, Records
from services.audit.core.resuming import Cursor
from services.audit.flow.asking import Asking
from services.audit.flow.ports import Progress, Streams

IDS_AT_ONCE = 16  # so that one slow answer does not hold up the pace; far below what a processor serves at once


class NoSuchCursorError(Exception):
    """The cursor is of another store; start again without --after."""


class Auditing:
    """One audit.

    Args:
        streams: our own records.
        asking: the processors.
        show: called with each finding at once.
        progress: shows how far the audit has come.
        cursor: how far the audit has come in SETTLEMENTS; it starts after this.
        plan: returns a sentence on what asking about so many ids will take.
    """

    def __init__(
        self,
        *,
        streams: Streams,
        asking: Asking,
        show: Callable[[Finding], None],
        progress: Progress,
        cursor: Cursor,
        plan: Callable[[int], str],
    ) -> None:
        self._streams = streams
        self._asking = asking
        self._show = show
        self._progress = progress
        self._cursor = cursor
        self._plan = plan

    async def run(self, records: Records) -> AuditReport:
        """Fill the empty ``records``, audit those after the cursor, and return the report.

        Raises:
            NoSuchCursorError: the stream does not reach as far as the cursor.
        """
        await self._streams.read_into(records)
        if self._cursor.after > records.read_to:
            raise NoSuchCursorError(f"--after {self._cursor.after}: SETTLEMENTS ends at {records.read_to}")
        ours = records.in_order(self._cursor.after)
        report = AuditReport(ids=len(ours), unreadable=len(records.unreadable), missing=len(records.missing))
        self._progress.say(self._plan(len(ours)))
        self._progress.begin("asking the processors", len(ours))
        left = iter(ours)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(IDS_AT_ONCE):
                tasks.create_task(self._work(left, report))
        return report

    async def _work(self, left: Iterator[Record], report: AuditReport) -> None:
        for record in left:  # shared by all workers
            self._cursor.begin(record.last_seq)
            answers = await self._asking.ask(record.payment_id)
            report.asked += 1
            report.calls = self._asking.calls
            for finding in compare(record, answers):
                report.found[finding.kind] += 1
                self._show(finding)
            self._cursor.end(record.last_seq)
            self._progress.at(report.asked)
