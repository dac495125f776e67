"""Options that several commands share."""

from typing import Annotated

import typer
from rich.console import Console

DEFAULT_URL = "http://127.0.0.1:9999"

USE = "With a running service (TARIFA_URL, TARIFA_KEY)"
OPERATE = "With its NATS (NATS_URL, NATS_CREDENTIALS, NATS_CA)"
RUN = "In a checkout, on this machine"

FLAG = ""  # a switch takes no value, so the help shows no type for it

Url = Annotated[str, typer.Option(envvar="TARIFA_URL", metavar="URL", help="Address of the service.")]
AsJson = Annotated[bool, typer.Option("--json", metavar=FLAG, help="Print JSON, for scripts.")]


def console() -> Console:
    """Return the console for people; ids and figures are not coloured by guesses."""
    return Console(highlight=False)
