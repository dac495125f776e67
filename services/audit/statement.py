"""``tarifa audit --against FILE.csv``: the wiring."""

import sqlite3
import time
from contextlib import closing
from typing import Any

import orjson

from services.audit.adapters.progress import progress
from services.audit.adapters.statement_file import NotAStatementError, StatementFile
from services.audit.adapters.statement_tables import StatementTables
from services.audit.adapters.streams import JetStreamStreams
from services.audit.audit_settings import StatementSettings
from services.audit.command import IncompleteError, connected
from services.audit.core.statement import StatementFinding
from services.audit.core.statement_report import StatementReport
from services.audit.core.statement_words import finding_document, finding_line, report_document, report_lines
from services.audit.flow.reconciling import NothingToCompareError, OurRecords, compare_sides, take_statement
from services.contracts.period import Period
from services.settings.bus import BusSettings
from services.settings.environment import SettingError

US_PER_MS = 1_000


async def compare_statement(statement: StatementSettings, bus_of: BusSettings, period: Period, *, as_json: bool) -> int:
    """Compare, printing findings and summary to stdout; return the exit status.

    Raises:
        SettingError: the file is not a statement, or the processor is not one of ours.
        IncompleteError: there is no room for the temporary files.
    """

    def show(finding: StatementFinding) -> None:
        _say(finding_document(finding) if as_json else finding_line(finding))

    try:
        with closing(StatementTables()) as tables, progress(time.monotonic) as shown:
            # The file first: its errors are reported without a server.
            rows = StatementFile(statement.path, statement.columns).rows()
            report = await take_statement(rows, statement.processor, period, tables=tables, show=show, progress=shown)
            async with connected(bus_of, "audit") as bus:
                ours = OurRecords(report, tables)
                await JetStreamStreams(bus, shown).read_into(ours)
                ours.end()
            _check_processor(report.processor, bus_of, settled=tables.settled_here())
            await compare_sides(report, statement.tolerance_ms * US_PER_MS, tables=tables, show=show, progress=shown)
    except (NotAStatementError, NothingToCompareError) as error:
        raise SettingError(str(error)) from error
    except sqlite3.Error as error:
        raise IncompleteError(f"temporary files (TMPDIR says where): {error}") from error
    _say_report(report, as_json=as_json)
    return report.exit_code


def _check_processor(name: str, bus_of: BusSettings, *, settled: int) -> None:
    names = [each.name for each in bus_of.processors]
    if not settled and name not in names:
        raise SettingError(f"nothing was ever settled at {name!r}, and PROCESSORS has {', '.join(names)}")


def _say_report(report: StatementReport, *, as_json: bool) -> None:
    for kind, reasons in (("unreadable", report.unreadable), ("missing", report.missing)):
        for reason in reasons:
            _say({kind: reason} if as_json else f"{kind}  {reason}")
    _say(report_document(report) if as_json else "\n".join(report_lines(report)))


def _say(said: str | dict[str, Any]) -> None:
    text = said if isinstance(said, str) else orjson.dumps(said).decode()
    print(text, flush=True)  # noqa: T201  # for the operator, or the file that stdout goes to
