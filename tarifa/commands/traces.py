"""``tarifa traces export``: finished payments as OpenTelemetry spans."""

from pathlib import Path
from typing import Annotated

import typer

from tarifa.commands.options import FLAG
from tarifa.commands.programs import Switch, Word, flags_of, operate

EXAMPLES = """Examples:
  tarifa traces export --otlp http://127.0.0.1:4318
  tarifa traces export --otlp http://127.0.0.1:4318 --follow
  tarifa traces export --file spans.jsonl --after 120000

Exports payments that came with a traceparent whose sampled flag is set. It
prints where to resume; what is exported twice has the same ids.

NATS_URL, NATS_CREDENTIALS, NATS_CA and OTEL_EXPORTER_OTLP_HEADERS are read
from the environment.
Exit codes: 0 done, 1 spans refused, 2 wrong usage or settings,
3 not finished."""


def traces_command(
    what: Annotated[str, typer.Argument(metavar="export", help="Send the spans.")],
    *,
    otlp: Annotated[Word, typer.Option(metavar="URL", help="To a collector: OTLP over HTTP.")] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="Or to a file, as JSON lines.")] = None,
    after: Annotated[Word, typer.Option(metavar="N", help="Begin after it in SETTLEMENTS (0).")] = None,
    follow: Annotated[Switch, typer.Option("--follow", metavar=FLAG, help="Also export what comes.")] = False,
) -> None:
    """Export finished payments that came with a traceparent as OpenTelemetry spans."""
    flags = {"--otlp": otlp, "--file": file, "--after": after, "--follow": follow}
    operate("services.audit.traces", [what, *flags_of(flags)])
