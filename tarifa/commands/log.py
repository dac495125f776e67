"""``tarifa log operators``: who did what to the running system."""

from typing import Annotated

import typer

from tarifa.commands.options import FLAG
from tarifa.commands.programs import Switch, Word, flags_of, operate

EXAMPLES = """Examples:
  tarifa log operators
  tarifa log operators --since 7d --json
  tarifa log operators --follow

NATS_URL, NATS_CREDENTIALS and NATS_CA are read from the environment.
Exit codes: 0 done, 2 wrong usage or settings, 3 not finished."""


def log_command(
    what: Annotated[str, typer.Argument(metavar="operators", help="The log of operations.")],
    *,
    since: Annotated[Word, typer.Option(metavar="TIME", help="90s, 15m, 1h or 7d ago, or a stamp.")] = None,
    follow: Annotated[Switch, typer.Option("--follow", metavar=FLAG, help="Also print what comes.")] = False,
    as_json: Annotated[Switch, typer.Option("--json", metavar=FLAG, help="One JSON document a line.")] = False,
) -> None:
    """Print who paused, moved, released or purged what, when, and why."""
    operate("services.audit.log", [what, *flags_of({"--since": since, "--follow": follow, "--json": as_json})])
