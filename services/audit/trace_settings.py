"""Settings of an export of traces: the services' environment, and the command line."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from services.audit.arguments import CommandLine
from services.contracts.processor import check_url
from services.settings.bus import BusSettings, bus_settings
from services.settings.environment import SettingError

HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
_EXAMPLES = """Examples:
  tarifa traces export --otlp http://127.0.0.1:4318
  tarifa traces export --otlp http://127.0.0.1:4318 --follow
  tarifa traces export --file spans.jsonl --after 120000

Exports payments that came with a traceparent whose sampled flag is set. It
prints where to resume; what is exported twice has the same ids.

NATS_URL, NATS_CREDENTIALS, NATS_CA and OTEL_EXPORTER_OTLP_HEADERS are read
from the environment.
Exit codes: 0 done, 1 spans refused, 2 wrong usage or settings,
3 not finished."""


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """``to``: a collector's base URL, or a file. ``after``: the sequence in SETTLEMENTS after which to begin.

    ``headers``: those for the collector, from OpenTelemetry's own variable. ``follows``: also export what is finished
    from now on.
    """

    bus: BusSettings
    to: str | Path
    headers: dict[str, str]
    after: int
    follows: bool


def trace_settings(arguments: Sequence[str], env: Mapping[str, str]) -> TraceSettings:
    """Read and check them; a wrong command line ends the program with 2.

    Raises:
        SettingError: names the variable that is wrong.
    """
    parser = CommandLine(
        prog="tarifa traces",
        description="Exports finished payments as OpenTelemetry spans. Changes nothing.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("command", choices=("export",), metavar="export", help="export the spans")
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--otlp", type=_collector, metavar="URL", help="OTLP over HTTP, as http://127.0.0.1:4318")
    to.add_argument("--file", type=Path, metavar="FILE", help="append JSON lines, one export request each")
    parser.add_argument("--after", type=_sequence, default=0, metavar="N", help="begin after this sequence number (0)")
    parser.add_argument("--follow", action="store_true", help="also export what is finished from now on, until Ctrl-C")
    given = parser.parse_args(arguments)
    headers = _headers(env.get(HEADERS, ""))
    return TraceSettings(bus_settings(env), given.otlp or given.file, headers, given.after, given.follow)


def _headers(text: str) -> dict[str, str]:
    """Read ``name=value`` separated by commas, values percent-encoded, as OpenTelemetry defines it."""
    headers = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise SettingError(f"{HEADERS} must be name=value,name=value")  # without its value: it may be a secret
        headers[name.strip()] = unquote(value.strip())
    return headers


def _collector(text: str) -> str:
    try:
        check_url("it", text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _sequence(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"must be a sequence in SETTLEMENTS, not {text!r}")
    return int(text)
