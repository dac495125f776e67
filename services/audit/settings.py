"""Settings of the operators' commands other than the audit: the services' environment, and the command line."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from services.access.processor_access import ProcessorAccess, processor_access
from services.audit.arguments import CommandLine, argument
from services.contracts.instant import instant_from_text
from services.contracts.length import length_from_text
from services.contracts.operations import Operation, reason_from_text
from services.contracts.processor import check_url
from services.settings.bus import BusSettings, bus_settings

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_RELEASE_EXAMPLES = """Examples:
  tarifa release ID --to fallback --reason 'default was shut down'
  tarifa release 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3 --to other --reason gone

IT MAY THEN BE CHARGED TWICE: calls made so far to the previous processor, and
one that is just being made, may still be booked. The command asks for two
confirmations, and does nothing without both.

It needs a running dispatcher, which asks every processor. NATS_URL,
NATS_CREDENTIALS and NATS_CA are read from the environment. Exit codes:
0 released, 1 not released, 2 wrong usage or settings, 3 not known."""
_PROCESSORS_EXAMPLES = """Examples:
  tarifa processors
  tarifa processors --json
  tarifa processors pause default --reason 'their maintenance until 14:00'
  tarifa processors resume default
  tarifa processors move default --to http://10.0.0.7:8080

A paused processor is sent no new payments; payments assigned there are still
settled there. Only `resume` ends a pause, not a restart or a setting.

NATS_URL, NATS_CREDENTIALS and NATS_CA are read from the environment.
Exit codes: 0 done, 1 refused, 2 wrong usage or settings, 3 not known."""
_LOG_EXAMPLES = """Examples:
  tarifa log
  tarifa log --since 7d --json
  tarifa log operators --follow

NATS_URL, NATS_CREDENTIALS and NATS_CA are read from the environment.
Exit codes: 0 done, 2 wrong usage or settings, 3 not finished."""
_LOGS = ("operators",)
_BACKUP_EXAMPLES = """Examples:
  tarifa backup /var/backups/tarifa-2026-11-26
  tarifa backup before-the-upgrade

NATS_URL, NATS_CREDENTIALS and NATS_CA are read from the environment.
Exit codes: 0 done, 1 refused, 2 wrong usage or settings, 3 not finished."""
_RESTORE_EXAMPLES = """Examples:
  tarifa restore /var/backups/tarifa-2026-11-26
  tarifa restore before-the-upgrade

Start the server alone before, with an empty store:
  .venv/bin/nats-server -c .run/nats/nats.conf

NATS_URL, NATS_CREDENTIALS and NATS_CA are read from the environment.
Exit codes: 0 done, 1 refused, 2 wrong usage or settings, 3 not finished."""


@dataclass(frozen=True, slots=True)
class ReleaseSettings:
    """``accepted_id``: the payment whose risk an option accepts; None: ask the operator."""

    bus: BusSettings
    payment_id: str
    to: str
    reason: str
    accepted_id: str | None


@dataclass(frozen=True, slots=True)
class ProcessorsSettings:
    """``operation``: the change to make; None: list the processors. ``access``: credentials for the processors."""

    bus: BusSettings
    access: ProcessorAccess
    operation: Operation | None
    as_json: bool


@dataclass(frozen=True, slots=True)
class LogSettings:
    """``since``: the first event's time; None: all. ``follows``: also print what comes from now on."""

    bus: BusSettings
    since: datetime | None
    follows: bool
    as_json: bool


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """The command, and the folder of the backup."""

    bus: BusSettings
    command: Literal["save", "restore"]
    folder: Path


def release_settings(arguments: Sequence[str], env: Mapping[str, str], option: str) -> ReleaseSettings:
    """Read and check them; a wrong command line ends the program with 2.

    Raises:
        SettingError: names the variable that is wrong.
    """
    parser = CommandLine(
        prog="tarifa release",
        description="Releases a payment in doubt to another processor. IT MAY THEN BE CHARGED TWICE.",
        epilog=_RELEASE_EXAMPLES,
    )
    parser.add_argument("payment_id", type=argument(_payment_id), metavar="ID")
    parser.add_argument("--to", required=True, metavar="PROCESSOR", help="the processor that is to charge it")
    parser.add_argument(
        "--reason", required=True, type=argument(reason_from_text), metavar="TEXT", help="stored with the release"
    )
    parser.add_argument(
        option, dest="accepted_id", type=argument(_payment_id), metavar="ID", help="accept the risk without a prompt"
    )
    given = parser.parse_args(arguments)
    if given.accepted_id not in {None, given.payment_id}:
        parser.error(f"{option} names another payment")
    return ReleaseSettings(bus_settings(env), given.payment_id, given.to, given.reason, given.accepted_id)


def processors_settings(arguments: Sequence[str], env: Mapping[str, str]) -> ProcessorsSettings:
    """Read and check them; a wrong command line ends the program with 2.

    Raises:
        SettingError: names the variable that is wrong.
    """
    parser = CommandLine(
        prog="tarifa processors",
        description="Lists the processors, each generation with fee, state and URL; or changes one.",
        epilog=_PROCESSORS_EXAMPLES,
    )
    parser.add_argument("--json", action="store_true", help="one JSON document a line")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    move = commands.add_parser("move", help="change the address of a processor, which must be the same processor")
    move.add_argument("name", metavar="NAME")
    move.add_argument("--to", required=True, type=argument(_url), metavar="URL", help="as https://host:port")
    pause = commands.add_parser("pause", help="send no new payments there; those assigned there are settled")
    pause.add_argument("name", metavar="NAME")
    pause.add_argument(
        "--reason", required=True, type=argument(reason_from_text), metavar="TEXT", help="recorded and shown"
    )
    resume = commands.add_parser("resume", help="send it payments again")
    resume.add_argument("name", metavar="NAME")
    for command in (move, pause, resume):  # --json is read wherever it stands
        command.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    return ProcessorsSettings(bus_settings(env), processor_access(env), _operation(given), given.json)


def _operation(given: argparse.Namespace) -> Operation | None:
    match given.command:
        case "move":
            return Operation("move", given.name, detail=given.to)
        case "pause":
            return Operation("pause", given.name, given.reason)
        case "resume":
            return Operation("resume", given.name)
        case _:
            return None


def log_settings(arguments: Sequence[str], env: Mapping[str, str], now: datetime) -> LogSettings:
    """Read and check them; a wrong command line ends the program with 2.

    Raises:
        SettingError: names the variable that is wrong.
    """
    parser = CommandLine(
        prog="tarifa log",
        description="Prints who did what to the running system: pauses, moves, releases, purges, keys.",
        epilog=_LOG_EXAMPLES,
    )
    parser.add_argument(
        "log", nargs="?", choices=_LOGS, default=_LOGS[0], metavar="operators", help="the log to print, the only one"
    )
    parser.add_argument("--since", type=_since(now), metavar="TIME", help="90s, 15m, 1h or 7d ago, or a stamp")
    parser.add_argument("--follow", action="store_true", help="also print new operations, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="one JSON document a line")
    given = parser.parse_args(arguments)
    return LogSettings(bus_settings(env), given.since, given.follow, given.json)


def backup_settings(arguments: Sequence[str], env: Mapping[str, str]) -> BackupSettings:
    """Read and check them; a wrong command line ends the program with 2.

    Raises:
        SettingError: names the variable that is wrong.
    """
    parser = CommandLine(prog="tarifa", usage="tarifa backup|restore FOLDER")
    commands = parser.add_subparsers(dest="command", required=True)
    save = commands.add_parser(
        "save",
        prog="tarifa backup",
        description="Saves the streams of the running system, without stopping anything.",
        epilog=_BACKUP_EXAMPLES,
    )
    save.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder")
    restore = commands.add_parser(
        "restore",
        prog="tarifa restore",
        description="Restores a backup into an empty nats-server, to which no service is connected.",
        epilog=_RESTORE_EXAMPLES,
    )
    restore.add_argument("folder", type=Path, metavar="FOLDER", help="a folder made by tarifa backup")
    given = parser.parse_args(arguments)
    return BackupSettings(bus_settings(env), given.command, given.folder)


def _url(text: str) -> str:
    check_url("it", text)
    return text.rstrip("/")


def _payment_id(text: str) -> str:
    if not _ID.fullmatch(text.lower()):
        raise ValueError(f"must be an id as 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3, not {text!r}")
    return text.lower()


def _since(now: datetime) -> Callable[[str], datetime]:
    def read(text: str) -> datetime:
        try:
            return now - length_from_text(text)
        except ValueError:
            return instant_from_text(text, round_up=True)

    return argument(read, "must be 90s, 15m, 1h, 7d, or ISO 8601 as 2026-11-22T12:00:00Z")
