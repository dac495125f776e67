"""The commands that become another program, which reads its own flags and prints its own help.

The very programs that make runs, under this process's id: their output, their exit codes and what Ctrl-C does are their
own. Folders and files on the command line are the user's.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

import typer

from tarifa.client.bus_access import bus_access
from tarifa.commands.options import OPERATE, RUN
from tarifa.exits import Exit, end

TOP = Path(__file__).parents[2]
IS_CHECKOUT = (TOP / "pyproject.toml").exists()  # and not installed from a wheel, which has no sandbox

# What a command that becomes another program passes on: all that is written behind its name, also --help.
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


class Program(NamedTuple):
    """``arguments`` come before the user's; ``user``: who it is on the bus of this checkout, "" where it needs none.

    ``settings``: variables that are set where the environment has none.
    """

    module: str
    help: str
    arguments: tuple[str, ...] = ()
    user: str = "operator"
    settings: Mapping[str, str] = {}

    @property
    def panel(self) -> str:
        """Return the heading of the help under which it is listed: what it needs."""
        return OPERATE if self.module.startswith("services") else RUN

    @property
    def command(self) -> Callable[[typer.Context], None]:
        """Return it as a command of Typer."""

        def become_it(context: typer.Context) -> None:
            become(self, context.args)

        return become_it


_KEYS = {"API_KEYS": str(TOP / ".run" / "api_keys.json")} if IS_CHECKOUT else {}
PROGRAMS = {
    "up": Program("sandbox.stack", "Run the whole system here, in the foreground, until Ctrl-C.", user=""),
    "rinha": Program("sandbox.rinha", "Run a load test of the challenge, and print its score.", user=""),
    "chaos": Program("sandbox.chaos", "Inject faults under load, then audit every payment.", user=""),
    "audit": Program("services.audit", "List each difference between our records and the processors'."),
    "release": Program("services.audit.release", "Release a payment; it may then be charged twice."),
    "export": Program("services.audit.export", "Write every settlement of a period, as CSV or JSON."),
    "processors": Program("services.audit.processors", "List, pause, resume or move processors."),
    "keys": Program("services.audit.keys", "Add, list and revoke the keys of clients.", settings=_KEYS),
    "log": Program("services.audit.log", "Print who paused, moved, released or purged what, when, and why."),
    "traces": Program("services.audit.traces", "Export finished payments as OpenTelemetry spans."),
    "backup": Program("services.audit.backup", "Save the streams of the running system into a folder.", ("save",)),
    "restore": Program("services.audit.backup", "Restore a backup into an empty nats-server.", ("restore",), "admin"),
}


def become(program: Program, arguments: list[str]) -> NoReturn:
    """Replace this process by that program.

    Raises:
        typer.Exit: it is not installed, or the key of its user cannot be read.
    """
    given = {name: value for name, value in os.environ.items() if value.strip()}
    environment = {**os.environ, **program.settings, **given, **_access(program.user)}
    if IS_CHECKOUT:
        environment["PYTHONPATH"] = os.pathsep.join([str(TOP), *filter(None, [os.environ.get("PYTHONPATH")])])
    elif not program.module.startswith("services"):
        end(Exit.USAGE, "this command needs a checkout of Tarifa; installed are only the services and the command line")
    # With the same process id: no parent process between it and a signal, or its exit code. No module in the user's
    # own folder replaces ours (-P).
    command = [sys.executable, "-P", "-m", program.module, *program.arguments, *arguments]
    os.execve(sys.executable, command, environment)  # noqa: S606  # modules of ours


def _access(user: str) -> dict[str, str]:
    """Return how that user comes to this checkout's bus; nothing where the environment names a bus."""
    if not user:
        return {}
    try:
        return bus_access(os.environ, TOP / ".run" / "secrets", user)
    except ValueError as error:
        end(Exit.USAGE, str(error))
