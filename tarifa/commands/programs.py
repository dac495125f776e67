"""The commands that become another program of the checkout, among them up, rinha, chaos and processors.

They are the same programs that make runs, with this process's id: output, exit codes and the effect of Ctrl-C are their
own. They run in the checkout, as under make; a relative folder is one of the user's own.
"""

import os
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tarifa.client.bus_access import bus_access
from tarifa.commands.options import FLAG
from tarifa.exits import Exit, end

TOP = Path(__file__).parents[2]
IS_CHECKOUT = (TOP / "pyproject.toml").exists()  # and not installed from a wheel, which has no sandbox

UP_EXAMPLES = """Examples:
  tarifa up
  tarifa up --keep --dispatchers 2
  tarifa up --processors 'one=http://127.0.0.1:7001@0.05'

The settings in docs/settings.md are read from the environment too."""

RINHA_EXAMPLES = """Examples:
  tarifa rinha smoke
  tarifa rinha preview
  tarifa rinha final --limits compose

Exit codes: 0 nothing lost, late, contradicted, refused or charged twice,
1 something was, 2 it could not run."""

CHAOS_EXAMPLES = """Examples:
  tarifa chaos
  tarifa chaos --seed 21 --minutes 10 --dispatchers 2   (repeats a run)
  tarifa chaos --faults none --rate 200

Exit codes: 0 nothing lost, doubled or differing, 1 something was,
2 it could not run."""

PROCESSORS_EXAMPLES = """Examples:
  tarifa processors
  tarifa processors --json
  tarifa processors pause default --reason 'their maintenance until 14:00'
  tarifa processors resume default
  tarifa processors move default --to http://10.0.0.7:8080

Paused, a processor gets nothing new; what is assigned there is still
settled there. No restart and no setting resumes it.

NATS_URL, NATS_CREDENTIALS and NATS_CA are read from the environment.
Exit codes: 0 done, 1 refused, 2 wrong usage or settings, 3 not known."""

BACKUP_EXAMPLES = """Examples:
  tarifa backup /var/backups/tarifa-2026-11-26
  tarifa backup before-the-upgrade

NATS_URL, NATS_CREDENTIALS and NATS_CA are read from the environment.
Exit codes: 0 done, 1 refused, 2 wrong usage or settings, 3 not finished."""

RESTORE_EXAMPLES = """Examples:
  tarifa restore /var/backups/tarifa-2026-11-26
  tarifa restore before-the-upgrade

The server alone, with nothing in its store:
  .venv/bin/nats-server -c .run/nats/nats.conf

NATS_URL, NATS_CREDENTIALS and NATS_CA are read from the environment.
Exit codes: 0 done, 1 refused, 2 wrong usage or settings, 3 not finished."""

Word = str | None
Switch = bool


class Limits(StrEnum):
    """The limits under which the services run."""

    COMPOSE = "compose"


LimitsOption = Annotated[
    Limits | None, typer.Option(help="Under the CPUs and memory of docker-compose.yml, by control groups.")
]


def up(
    *,
    ingresses: Annotated[Word, typer.Option(metavar="N", help="How many accept payments (2).")] = None,
    dispatchers: Annotated[Word, typer.Option(metavar="N", help="How many share the sending (1).")] = None,
    nats_nodes: Annotated[Word, typer.Option(metavar="N", help="nats-servers: 1, or 3 with replicas (1).")] = None,
    processors: Annotated[Word, typer.Option(metavar="LIST", help="name=url@fee,...: start none of its own.")] = None,
    keep: Annotated[
        Switch, typer.Option("--keep", metavar=FLAG, help="Keep the stores from one start to the next.")
    ] = False,
    limits: LimitsOption = None,
    http: Annotated[Word, typer.Option(metavar="PORT", help="Port for clients (9999).")] = None,
    nats: Annotated[Word, typer.Option(metavar="PORT", help="Port of nats-server (4222).")] = None,
    monitor: Annotated[Word, typer.Option(metavar="PORT", help="Port of its monitoring (8222).")] = None,
    route: Annotated[Word, typer.Option(metavar="PORT", help="First port among three nats-servers (6222).")] = None,
    route_proxies: Annotated[
        Word, typer.Option(metavar="PORTS", help="Between them: 1 to 2, 1 to 3 and so on.")
    ] = None,
    metrics: Annotated[Word, typer.Option(metavar="PORT", help="First port for Prometheus (9101); 0: none.")] = None,
    default: Annotated[Word, typer.Option(metavar="PORT", help="Port of the processor default (8001).")] = None,
    fallback: Annotated[Word, typer.Option(metavar="PORT", help="Port of the processor fallback (8002).")] = None,
    run_dir: Annotated[Path | None, typer.Option(help="Folder for stores and process ids (.run).")] = None,
    no_nginx: Annotated[
        Switch, typer.Option("--no-nginx", metavar=FLAG, help="Share the port among instances instead.")
    ] = False,
    stop_with_stdin: Annotated[
        Switch, typer.Option("--stop-with-stdin", metavar=FLAG, help="Stop when the standard input ends.")
    ] = False,
) -> None:
    """Run the whole system here, in the foreground, until Ctrl-C; it prints ready when it is."""
    ports = {"--http": http, "--nats": nats, "--monitor": monitor, "--metrics": metrics}
    ports |= {"--route": route, "--route-proxies": route_proxies, "--default": default, "--fallback": fallback}
    flags = {"--run-dir": run_dir, "--no-nginx": no_nginx, "--stop-with-stdin": stop_with_stdin}
    settings = {
        "INGRESSES": ingresses,
        "DISPATCHERS": dispatchers,
        "NATS_NODES": nats_nodes,
        "PROCESSORS": processors,
        "KEEP": "1" if keep else None,
        "LIMITS": limits,
    }
    become("sandbox.stack", flags_of({**ports, **flags}), settings)


def rinha(
    profile: Annotated[
        str, typer.Argument(metavar="PROFILE", help="smoke, preview, final, crowd, edge, edge-final.")
    ] = "preview",
    *,
    limits: LimitsOption = None,
    engine: Annotated[Word, typer.Option(metavar="docker", help="Run it against docker compose (processes).")] = None,
    no_stack: Annotated[Switch, typer.Option("--no-stack", metavar=FLAG, help="Test what is already running.")] = False,
    base_url: Annotated[Word, typer.Option(metavar="URL", help="The backend (http://127.0.0.1:9999).")] = None,
    processors: Annotated[Word, typer.Option(metavar="URL,URL", help="Default and fallback, to be broken.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for report and logs (.run/rinha/PROFILE).")] = None,
) -> None:
    """Run a load test of the challenge, and print its score."""
    flags = {"--no-stack": no_stack, "--base-url": base_url, "--processors": processors, "--out": out}
    become("sandbox.rinha", [*flags_of(flags), profile], {"LIMITS": limits, "ENGINE": engine})


def chaos(
    *,
    seed: Annotated[Word, typer.Option(metavar="N", help="Repeat the faults of an earlier run (random).")] = None,
    minutes: Annotated[Word, typer.Option(metavar="N", help="How long (2).")] = None,
    rate: Annotated[Word, typer.Option(metavar="N", help="Payments a second (50).")] = None,
    faults: Annotated[Word, typer.Option(metavar="GROUPS", help="Which, with commas, or none (all).")] = None,
    store: Annotated[
        Word, typer.Option(metavar="HOW", help="back: restored from copies; cut: power cuts (kept).")
    ] = None,
    nats_nodes: Annotated[Word, typer.Option(metavar="N", help="nats-servers: 1, or 3 that are hit (1).")] = None,
    sync: Annotated[Word, typer.Option(metavar="HOW", help="How often nats-server syncs (always).")] = None,
    dispatchers: Annotated[Word, typer.Option(metavar="N", help="How many the stack runs (1).")] = None,
    in_flight_max: Annotated[Word, typer.Option(metavar="N", help="Calls at once to one processor.")] = None,
    keep: Annotated[
        Switch, typer.Option("--keep", metavar=FLAG, help="Keep the run's folder even after a clean run.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Where logs, journals and result.json are written and kept.")
    ] = None,
) -> None:
    """Break everything under load for a while, then audit every payment."""
    words = {"--seed": seed, "--minutes": minutes, "--rate": rate, "--faults": faults, "--store": store}
    words |= {"--nats-nodes": nats_nodes, "--sync": sync, "--dispatchers": dispatchers}
    flags = flags_of({**words, "--keep": keep, "--folder": folder})
    become("sandbox.chaos", flags, {"IN_FLIGHT_MAX": in_flight_max})


def processors(
    *,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[pause|resume|move NAME]", help="Nothing: list them.")
    ] = None,
    reason: Annotated[Word, typer.Option("--reason", metavar="TEXT", help="With pause: why.")] = None,
    to: Annotated[Word, typer.Option("--to", metavar="URL", help="With move: where it is now.")] = None,
    as_json: Annotated[Switch, typer.Option("--json", metavar=FLAG, help="One JSON document a line.")] = False,
) -> None:
    """List the processors; pause or resume one; or give one a new address."""
    more = flags_of({"--to": to, "--reason": reason})
    operate("services.audit.processors", [*flags_of({"--json": as_json}), *(words or []), *more])


def backup(folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")]) -> None:
    """Save the streams of the running system into a folder, without stopping anything."""
    operate("services.audit.backup", ["save", str(folder.absolute())])


def restore(folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What backup has saved.")]) -> None:
    """Restore a backup into an empty nats-server, to which no service is connected."""
    operate("services.audit.backup", ["restore", str(folder.absolute())], user="admin")


def flags_of(given: Mapping[str, str | Path | bool | None]) -> list[str]:
    """Return what was given as the other program's own arguments."""
    flags = []
    for name, value in given.items():
        match value:
            case None | False:
                pass
            case True:
                flags.append(name)
            case Path():
                flags.append(f"{name}={value.absolute()}")  # the program resolves it from the checkout
            case _:
                flags.append(f"{name}={value}")
    return flags


def operate(module: str, arguments: list[str], user: str = "operator") -> NoReturn:
    """Become that program, as that user of this checkout's bus, unless the environment names a bus."""
    try:
        access = bus_access(os.environ, TOP / ".run" / "secrets", user)
    except ValueError as error:
        end(Exit.USAGE, str(error))
    become(module, arguments, access)


def become(module: str, arguments: list[str], settings: Mapping[str, str | None]) -> NoReturn:
    """Replace this process by that program; variables that were not given stay as they are."""
    environment = {**os.environ, **{name: value for name, value in settings.items() if value is not None}}
    if IS_CHECKOUT:
        os.chdir(TOP)
        path = []
    elif module.startswith("services"):
        path = ["-P"]  # no module in the user's own folder replaces ours
    else:
        end(Exit.USAGE, "this command needs a checkout of Tarifa; installed are only the services and the command line")
    # With the same process id: no parent process between it and a signal, or its exit code.
    command = [sys.executable, *path, "-m", module, *arguments]
    os.execve(sys.executable, command, environment)  # noqa: S606  # modules of ours
