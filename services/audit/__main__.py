"""``tarifa audit``: the wiring."""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

import orjson

from services.audit.adapters.processor import records_of
from services.audit.adapters.progress import progress
from services.audit.adapters.streams import JetStreamStreams
from services.audit.audit_settings import AuditSettings, audit_settings
from services.audit.command import connected, run
from services.audit.core.audit_report import AuditReport
from services.audit.core.records import Records
from services.audit.core.resuming import Cursor, plan_words, resume_command
from services.audit.core.words import document, line, summary_document, summary_lines
from services.audit.flow.asking import Asking
from services.audit.flow.auditing import Auditing, NoSuchCursorError
from services.audit.flow.pace import EvenPace
from services.audit.statement import compare_statement
from services.settings.environment import SettingError


async def audit() -> int:
    """Audit the period of the command line; findings and summary go to stdout."""
    settings = audit_settings(sys.argv[1:], os.environ, datetime.now(UTC))
    if settings.statement is not None:
        return await compare_statement(settings.statement, settings.bus, settings.period, as_json=settings.as_json)
    return await _ask_processors(settings)


async def _ask_processors(settings: AuditSettings) -> int:
    records = Records(settings.period)
    cursor = Cursor(settings.after)
    try:
        report = await _asked(settings, records, cursor)
    except NoSuchCursorError as error:
        raise SettingError(str(error)) from error
    except asyncio.CancelledError:  # Ctrl-C
        _print_how_to_resume(settings, cursor)
        raise
    for reason in records.unreadable:
        _say({"unreadable": reason} if settings.as_json else f"unreadable  {reason}")
    for where in records.missing:
        _say({"missing": where} if settings.as_json else f"missing  {where}")
    if settings.as_json:
        _say(summary_document(settings.period, report))
    else:
        _say("\n".join(summary_lines(settings.period, report)))
    return report.exit_code


async def _asked(settings: AuditSettings, records: Records, cursor: Cursor) -> AuditReport:
    async with (
        connected(settings.bus, "audit") as bus,
        records_of(settings.bus.processors, settings.access) as processors,
    ):
        pace = EvenPace(settings.rate, now_s=time.monotonic, sleep=asyncio.sleep)
        with progress(time.monotonic) as shown:
            return await Auditing(
                streams=JetStreamStreams(bus, shown),
                asking=Asking(processors, pace, asyncio.sleep),
                show=lambda finding: _say(document(finding) if settings.as_json else line(finding)),
                progress=shown,
                cursor=cursor,
                plan=lambda ids: plan_words(ids, len(processors), pace.per_s, pace.per_s_max),
            ).run(records)


def _print_how_to_resume(settings: AuditSettings, cursor: Cursor) -> None:
    command = resume_command(settings.period, settings.rate, as_json=settings.as_json, after=cursor.after)
    print(f"resume with: {command}", file=sys.stderr, flush=True)  # noqa: T201  # for the operator
    if settings.as_json:
        _say({"stopped": {"after": cursor.after, "command": command}})


def _say(said: str | dict[str, Any]) -> None:
    text = said if isinstance(said, str) else orjson.dumps(said).decode()
    print(text, flush=True)  # noqa: T201  # for the operator, or the file that stdout goes to


if __name__ == "__main__":
    sys.exit(run(audit))
