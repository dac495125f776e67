"""The story of an audit: collect the period's payments, ask every processor for each, name every difference."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

from services.audit.core.comparing import Finding, compare
from services.audit.core.records import Record, Records
from services.audit.core.report import Report
from services.audit.core.resuming import Cursor
from services.audit.flow.asking import Asking

IDS_AT_ONCE = 16  # so that one slow answer does not hold up the pace; far below what a processor runs at once


class NoSuchCursorError(Exception):
    """What was asked for before is of another store; begin anew, without --after."""


class Progress(Protocol):
    """Shows how far long work has come."""

    def begin(self, what: str, total: int) -> None:
        """Begin a piece of work; ``total`` 0: how much it is cannot be told."""

    def at(self, done: int) -> None:
        """So much of it is done."""

    def say(self, text: str) -> None:
        """Say a sentence, which stays."""


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
        cursor: how far it has come in the stream; it goes on after what this says.
        plan: a sentence on what it will take to ask for so many ids.
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

    async def run(self, records: Records) -> Report:
        """Fill the empty ``records``, audit those after the cursor, and return what it came to.

        Raises:
            NoSuchCursorError: the stream does not reach as far as the cursor.
        """
        await self._streams.read_into(records)
        if self._cursor.after > records.read_to:
            raise NoSuchCursorError(f"--after {self._cursor.after}: SETTLEMENTS ends at {records.read_to}")
        ours = records.in_order(self._cursor.after)
        report = Report(ids=len(ours), unreadable=len(records.unreadable), missing=len(records.missing))
        self._progress.say(self._plan(len(ours)))
        self._progress.begin("asking the processors", len(ours))
        left = iter(ours)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(IDS_AT_ONCE):
                tasks.create_task(self._work(left, report))
        return report

    async def _work(self, left: Iterator[Record], report: Report) -> None:
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
