"""Settings of an audit: the services' environment, and the command line."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from services.access.processor_access import ProcessorAccess, processor_access
from services.audit.arguments import CommandLine, argument
from services.audit.core.statement_rows import Columns
from services.contracts.instant import instant_from_text
from services.contracts.length import length_from_text
from services.contracts.period import Period
from services.settings.bus import BusSettings, bus_settings

RATE_DEFAULT = 1_000.0
RATE_MOST = 10_000.0
TOLERANCE_MS_MAX = 86_400_000
_STATEMENT_OPTIONS = ("processor", "id_column", "amount_column", "at_column", "amount_in", "delimiter", "tolerance_ms")
_EXAMPLES = """Examples:
  tarifa audit --last 1h
  tarifa audit --from 2026-11-22T12:00Z --to 2026-11-22T13:00Z --json
  tarifa audit --against day.csv --from 2026-11-22 --to 2026-11-23
  tarifa audit --against theirs.csv --processor fallback --delimiter ';'

NATS_URL, NATS_CREDENTIALS, NATS_CA and PROCESSORS are read from the environment.
Exit codes: 0 clean, 1 differences, 2 wrong usage or settings, 3 incomplete."""


@dataclass(frozen=True, slots=True)
class StatementSettings:
    """A processor's statement: the file, its columns, and how far its stamps may differ from ours."""

    path: Path
    processor: str
    columns: Columns
    tolerance_ms: int


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """``access``: credentials for the processors; ``rate``: calls a second at most, to all of them together.

    ``after``: the sequence in SETTLEMENTS up to which an earlier run has finished.
    ``period``: by acceptedAt, or by requestedAt for a statement. ``statement``: None: ask the processors.
    """

    bus: BusSettings
    access: ProcessorAccess
    period: Period
    rate: float
    after: int
    as_json: bool
    statement: StatementSettings | None


def audit_settings(arguments: Sequence[str], env: Mapping[str, str], now: datetime) -> AuditSettings:
    """Read and check them; a wrong command line ends the program with 2.

    Raises:
        SettingError: names the variable that is wrong.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.last and (given.start or given.end):
        parser.error("--last replaces --from and --to")
    if given.start and given.end and given.start > given.end:
        parser.error("--from must not be after --to")
    statement = _statement(parser, given)
    period = Period(now - given.last) if given.last else Period(given.start, given.end)
    bus = bus_settings(env)
    return AuditSettings(
        bus,
        processor_access(env, bus.processors),
        period,
        given.rate or RATE_DEFAULT,
        given.after or 0,
        given.json,
        statement,
    )


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="tarifa audit",
        description="Asks every processor for every payment of a period, or reads a processor's own\n"
        "statement, and names each difference. Changes nothing.",
        epilog=_EXAMPLES,
    )
    first, last = (partial(instant_from_text, round_up=round_up) for round_up in (True, False))
    how = "must be ISO 8601, as 2026-11-22T12:00:00Z"
    parser.add_argument(
        "--from", dest="start", type=argument(first, how), metavar="STAMP", help="first acceptedAt; UTC without a zone"
    )
    parser.add_argument("--to", dest="end", type=argument(last, how), metavar="STAMP", help="last acceptedAt")
    parser.add_argument(
        "--last", type=argument(length_from_text), metavar="TIME", help="instead of --from and --to: 90s, 15m, 1h, 7d"
    )
    parser.add_argument("--rate", type=argument(_rate), metavar="N", help="maximum calls a second (1000)")
    parser.add_argument("--after", type=argument(_after), metavar="N", help="continue there; a stopped audit prints it")
    parser.add_argument("--json", action="store_true", help="one JSON document a line, the summary or an error last")
    _add_statement(parser)
    return parser


def _add_statement(parser: argparse.ArgumentParser) -> None:
    of = parser.add_argument_group(
        "a processor's statement",
        "No processor is asked. --from and --to are by requestedAt; without them, from the first to the last row.",
    )
    of.add_argument("--against", type=Path, metavar="FILE.csv", help="CSV in UTF-8, column names in its first line")
    of.add_argument("--processor", metavar="NAME", help="whose statement it is (default)")
    of.add_argument("--id-column", metavar="NAME", help="(correlationId)")
    of.add_argument("--amount-column", metavar="NAME", help="(amount)")
    of.add_argument("--at-column", metavar="NAME", help="(requestedAt); ISO 8601, UTC without a zone")
    of.add_argument("--amount-in", choices=("decimal", "cents"), help="19.90 or 1990 (decimal)")
    of.add_argument("--delimiter", type=argument(_delimiter), metavar="CHARACTER", help="between fields (,)")
    of.add_argument("--tolerance-ms", type=argument(_tolerance_ms), metavar="N", help="how much stamps may differ (0)")


def _statement(parser: argparse.ArgumentParser, given: argparse.Namespace) -> StatementSettings | None:
    if given.against is None:
        for name in _STATEMENT_OPTIONS:
            if getattr(given, name) is not None:
                parser.error(f"--{name.replace('_', '-')} is for --against")
        return None
    for name in ("rate", "after"):
        if getattr(given, name) is not None:
            parser.error(f"--{name} is for asking processors, and with --against none is asked")
    usual = Columns()
    columns = Columns(
        given.id_column or usual.payment_id,
        given.amount_column or usual.amount,
        given.at_column or usual.at,
        in_cents=given.amount_in == "cents",
        delimiter=given.delimiter or usual.delimiter,
    )
    if len({columns.payment_id, columns.amount, columns.at}) < len(("id", "amount", "at")):
        parser.error("--id-column, --amount-column and --at-column must be three columns")
    return StatementSettings(given.against, given.processor or "default", columns, given.tolerance_ms or 0)


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= RATE_MOST:
        raise ValueError(f"must be above 0 and at most {RATE_MOST:g} calls a second, not {text}")
    return rate


def _after(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > len(str(1 << 63)):
        raise ValueError(f"must be a sequence of SETTLEMENTS, not {text!r}")
    return int(text)


def _delimiter(text: str) -> str:
    character = "\t" if text == r"\t" else text
    if len(character) != 1 or character in '"\r\n ' or not character.isascii():
        raise ValueError(rf"must be one character, as ; or \t, not {text!r}")
    return character


def _tolerance_ms(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > len(str(TOLERANCE_MS_MAX)):
        raise ValueError(f"must be a whole number of milliseconds, not {text!r}")
    if int(text) > TOLERANCE_MS_MAX:
        raise ValueError(f"must be at most {TOLERANCE_MS_MAX}, which is a day, not {text}")
    return int(text)
