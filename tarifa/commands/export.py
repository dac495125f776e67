"""``tarifa export``: every settlement of a period, as a file."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tarifa.commands.programs import Word, flags_of, operate

EXAMPLES = """Examples:
  tarifa export --out settled.csv
  tarifa export --from 2026-11-22 --to 2026-11-23 --format jsonl > day.jsonl

correlationId, processor, amountCents (whole cents), requestedAtUtc (the
processor's stamp; --from and --to are by it), acceptedAtUtc, bookedAtUtc
(when its answer came; empty or null if not known), counted (no: the book was
cleared since). In the order in which they were stored; a payment that was
settled twice has two rows, of which the book counts one.

NATS_URL, NATS_CREDENTIALS and NATS_CA are read from the environment.
Exit codes: 0 done, 2 wrong usage or settings, 3 not finished."""


class Form(StrEnum):
    """The format of a row."""

    CSV = "csv"
    JSONL = "jsonl"


def export_command(
    *,
    start: Annotated[Word, typer.Option("--from", metavar="STAMP", help="First requestedAt; no zone is UTC.")] = None,
    stop: Annotated[Word, typer.Option("--to", metavar="STAMP", help="Last requestedAt.")] = None,
    form: Annotated[Form, typer.Option("--format", help="A header and rows, or a JSON document a line.")] = Form.CSV,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Appears when complete (stdout).")] = None,
) -> None:
    """Write every settlement of a period, exact to the cent."""
    operate("services.audit.export", flags_of({"--from": start, "--to": stop, "--format": str(form), "--out": out}))
