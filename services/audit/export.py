"""``python -m services.audit.export``: every settlement of a period, as CSV or a JSON document a line.

It reads SETTLEMENTS a thousand messages at a time, without a consumer. Of a payment that was settled twice the first
settlement is counted; which ids may have come before is known by a filter of fixed size, so that memory does not grow.
A file gets its name only when it is complete.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any, TextIO, TypeVar

from services.audit.adapters.progress import ProgressBar, ProgressLines, progress
from services.audit.arguments import CommandLine, argument
from services.audit.command import IncompleteError, connected, run
from services.audit.core.export_rows import COLUMNS, CSV_HEADER, csv_row, json_row
from services.audit.core.seen_ids import SeenIds
from services.bus.wire.connection import BusUnavailableError
from services.contracts.instant import instant_from_text
from services.contracts.period import Period
from services.records.settled import SettledReader, SettledRow, StreamPart
from services.settings.bus import BusSettings, bus_settings

EXIT_DONE = 0
HELP_COLUMNS = 78
TOGETHER = 1_000  # the server gives at most 1,024 at once
LOOKED_UP_TOGETHER = 50
TRIES_MAX = 20  # of one read; a replica that lags is asked again
AGAIN_AFTER_S = 0.25
# A settlement is stored after its stamp was made, on the clock of another machine.
CLOCKS_APART_MAX = timedelta(minutes=5)
_EXAMPLES = """Examples:
  tarifa export --out settled.csv
  tarifa export --from 2026-11-22 --to 2026-11-23 --format jsonl > day.jsonl

Rows come in the order in which they were stored. A payment that was settled
twice has two, of which the book counts one; it counts none from before the
book was cleared. --from and --to are by requestedAtUtc. What is not known is
empty in CSV and null in JSON. Each row has:
{columns}

NATS_URL, NATS_CREDENTIALS and NATS_CA are read from the environment.
Exit codes: 0 done, 2 wrong usage or settings, 3 not finished."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """``period``: by requestedAt. ``out``: None is stdout."""

    bus: BusSettings
    period: Period
    form: str
    out: Path | None


def export_settings(arguments: Sequence[str], env: Mapping[str, str]) -> ExportSettings:
    """Read and check them; a wrong command line ends the program with 2.

    Raises:
        SettingError: names the variable that is wrong.
    """
    parser = CommandLine(
        prog="tarifa export",
        description="Writes every settlement of a period, in the order in which they were stored.",
        epilog=_EXAMPLES.format(columns=_columns()),
    )
    how = "must be ISO 8601, as 2026-11-22T12:00:00Z"
    first, last = (partial(instant_from_text, round_up=round_up) for round_up in (True, False))
    parser.add_argument("--from", dest="start", type=argument(first, how), metavar="STAMP", help="first requestedAt")
    parser.add_argument("--to", dest="end", type=argument(last, how), metavar="STAMP", help="last requestedAt")
    parser.add_argument(
        "--format", dest="form", choices=("csv", "jsonl"), default="csv", help="rows, or JSON documents (csv)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="output file, complete when it appears (stdout)")
    given = parser.parse_args(arguments)
    if given.start and given.end and given.start > given.end:
        parser.error("--from must not be after --to")
    if given.out is not None and not given.out.absolute().parent.is_dir():
        parser.error(f"--out: there is no folder {given.out.absolute().parent}")
    return ExportSettings(bus_settings(env), Period(given.start, given.end), given.form, given.out)


def _columns() -> str:
    """Return what each column holds, for the help."""
    widest = max(map(len, COLUMNS))
    indent = " " * (widest + 4)
    return "\n".join(
        fill(text, HELP_COLUMNS, initial_indent=f"  {name:<{widest}}  ", subsequent_indent=indent)
        for name, text in COLUMNS.items()
    )


async def export() -> int:
    """Run the command line."""
    return await run_command(sys.argv[1:], os.environ)


async def run_command(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Write all rows; return the exit status."""
    settings = export_settings(arguments, env)
    async with connected(settings.bus, "export") as bus:
        reader = await SettledReader.open(bus)
        with progress(time.monotonic) as shown, _output(settings.out) as out:
            counts = await _write(reader, settings, out, shown)
    where = "" if settings.out is None else f", in {settings.out}"
    print(f"{counts.rows:,} settlements, {counts.counted:,} of them counted by the book{where}.", file=sys.stderr)  # noqa: T201  # for the operator
    return EXIT_DONE


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    counted: int = 0
    missing: int = 0


async def _write(
    reader: SettledReader, settings: ExportSettings, out: TextIO, shown: ProgressBar | ProgressLines
) -> _Counts:
    row_of, counts, seen = (csv_row if settings.form == "csv" else json_row), _Counts(), SeenIds()
    if settings.form == "csv":
        out.write(CSV_HEADER)
    first, start = reader.first_seq, settings.period.start
    if start is not None:
        first = max(first, await reader.since(start - CLOCKS_APART_MAX))
    begun = first
    shown.begin("reading SETTLEMENTS", max(0, reader.last_seq - begun + 1))
    reading = _read_from(reader, first)
    while reading is not None:
        stretch = await reading
        reading = _read_from(reader, stretch.next_seq)  # while the rows of this one are written
        counts.missing += stretch.missing
        again = await _settled_before(reader, [row for row in stretch.rows if _may_be_again(row, seen, start)])
        for row in stretch.rows:
            if row.event.requested_at in settings.period:
                is_counted = row.is_counted and row.seq not in again
                out.write(row_of(row.event, is_counted=is_counted))
                counts.rows += 1
                counts.counted += is_counted
        shown.at(stretch.next_seq - begun)
    if counts.missing:
        raise IncompleteError(
            f"SETTLEMENTS has lost {counts.missing:,} messages, which may have been settlements; "
            f"see TarifaSettlementsDamaged in docs/operations.md"
        )
    return counts


def _read_from(reader: SettledReader, first: int) -> "asyncio.Task[StreamPart] | None":
    return asyncio.create_task(_read(reader, first)) if first <= reader.last_seq else None


async def _read(reader: SettledReader, first: int) -> StreamPart:
    return await _retried(lambda: reader.read(first, TOGETHER))


async def _retried(ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    for _ in range(TRIES_MAX - 1):
        try:
            return await ask()
        except BusUnavailableError:
            await asyncio.sleep(AGAIN_AFTER_S)
    return await ask()


def _may_be_again(row: SettledRow, seen: SeenIds, start: datetime | None) -> bool:
    """Return whether a settlement since the last purge may be the second one of its payment."""
    if not row.is_counted:
        return False
    # The first one may have been stored before what is read here only if the payment was accepted before that.
    is_older = start is not None and row.event.accepted_at < start
    return not seen.is_new(row.event.id) or is_older


async def _settled_before(reader: SettledReader, rows: Sequence[SettledRow]) -> set[int]:
    """Return the sequences of those rows whose payments have an earlier settlement, which is the one that counts."""
    again: set[int] = set()
    for begin in range(0, len(rows), LOOKED_UP_TOGETHER):
        some = rows[begin : begin + LOOKED_UP_TOGETHER]
        are_first = await asyncio.gather(*[_retried(partial(reader.is_first, row.seq, row.event.id)) for row in some])
        again.update(row.seq for row, is_first in zip(some, are_first, strict=True) if not is_first)
    return again


@contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    """Open the output; a file gets its name when it is complete."""
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as out:
            yield out
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(run(export))
