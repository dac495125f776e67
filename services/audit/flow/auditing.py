"""The story of an audit: collect the period's payments, ask every processor for each, name every difference."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

from services.audit.core.comparing import Finding, compare
from services.audit.core.records import Record, Records
from services.audit.core.report import Report
from services.audit.flow.asking import Asking

IDS_AT_ONCE = 16  # so that one slow answer does not hold up the pace; far below what a processor runs at once


class Progress(Protocol):
    """Shows how far long work has come."""

    def begin(self, what: str, total: int) -> None:
        """Begin a piece of work; ``total`` 0: how much it is cannot be told."""

    def at(self, done: int) -> None:
        """So much of it is done."""


class Streams(Protocol):
    """Our own streams, read without consuming anything."""

    async def read_into(self, records: Records) -> None:
        """Tell all messages, PAYMENTS first.

        Raises:
            BusAwayError, ApiError, StreamWentBackError: they could not be read to their end; nothing is known.
        """


class Auditing:
    """One audit.

    Args:
        streams: what we say.
        asking: what processors say.
        show: called for each finding as soon as it is made.
        progress: how far it has come.
    """

    def __init__(
        self, *, streams: Streams, asking: Asking, show: Callable[[Finding], None], progress: Progress
    ) -> None:
        self._streams = streams
        self._asking = asking
        self._show = show
        self._progress = progress

    async def run(self, records: Records) -> Report:
        """Fill the empty ``records``, audit them, and return what it came to."""
        await self._streams.read_into(records)
        report = Report(ids=len(records), unreadable=len(records.unreadable), missing=len(records.missing))
        self._progress.begin("asking the processors", len(records))
        left = iter(records)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(IDS_AT_ONCE):
                tasks.create_task(self._work(left, report))
        return report

    async def _work(self, left: Iterator[Record], report: Report) -> None:
        for record in left:  # shared by all workers
            answers = await self._asking.ask(record.payment_id)
            report.asked += 1
            report.calls = self._asking.calls
            for finding in compare(record, answers):
                report.found[finding.kind] += 1
                self._show(finding)
            self._progress.at(report.asked)
