"""``tarifa audit``: compare our records with the processors' answers, or with a processor's own statement."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tarifa.commands.options import FLAG
from tarifa.commands.programs import Switch, Word, flags_of, operate

STATEMENT = "A processor's statement, instead of asking"
FILE = "With column names in its first line. --from and --to are then by requestedAt (first to last row)."

EXAMPLES = """Examples:
  tarifa audit --last 1h
  tarifa audit --from 2026-11-22T12:00Z --to 2026-11-22T13:00Z --json
  tarifa audit --against day.csv --from 2026-11-22 --to 2026-11-23
  tarifa audit --against theirs.csv --processor fallback --delimiter ';'

NATS_URL, NATS_CREDENTIALS, NATS_CA and PROCESSORS are read from the environment.
Exit codes: 0 clean, 1 differences, 2 wrong usage or settings, 3 incomplete."""


def _of_statement(metavar: str, text: str) -> Any:
    return typer.Option(metavar=metavar, rich_help_panel=STATEMENT, help=text)


def audit_command(
    *,
    last: Annotated[Word, typer.Option(metavar="TIME", help="The last 90s, 15m, 1h or 7d.")] = None,
    start: Annotated[Word, typer.Option("--from", metavar="STAMP", help="First acceptedAt; no zone is UTC.")] = None,
    stop: Annotated[Word, typer.Option("--to", metavar="STAMP", help="Last acceptedAt.")] = None,
    rate: Annotated[Word, typer.Option(metavar="N", help="At most so many calls a second (1000).")] = None,
    after: Annotated[Word, typer.Option(metavar="N", help="Resume there; a stopped audit prints it.")] = None,
    as_json: Annotated[
        Switch, typer.Option("--json", metavar=FLAG, help="One JSON document a line, the summary or an error last.")
    ] = False,
    against: Annotated[Path | None, _of_statement("FILE.csv", FILE)] = None,
    processor: Annotated[Word, _of_statement("NAME", "Whose statement it is (default).")] = None,
    id_column: Annotated[Word, _of_statement("NAME", "(correlationId)")] = None,
    amount_column: Annotated[Word, _of_statement("NAME", "(amount)")] = None,
    at_column: Annotated[Word, _of_statement("NAME", "(requestedAt) ISO 8601; no zone is UTC.")] = None,
    amount_in: Annotated[Word, _of_statement("decimal|cents", "19.90 or 1990 (decimal).")] = None,
    delimiter: Annotated[Word, _of_statement("CHARACTER", "Between fields (,).")] = None,
    tolerance_ms: Annotated[Word, _of_statement("N", "How far stamps may differ (0).")] = None,
) -> None:
    """Report each difference between our records and the processors' answers, or a statement of one of them."""
    flags = {"--last": last, "--from": start, "--to": stop, "--rate": rate, "--json": as_json, "--after": after}
    flags |= {"--processor": processor, "--id-column": id_column, "--amount-column": amount_column}
    flags |= {"--at-column": at_column, "--amount-in": amount_in, "--delimiter": delimiter}
    operate("services.audit", flags_of({**flags, "--against": against, "--tolerance-ms": tolerance_ms}))
