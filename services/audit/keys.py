"""``python -m services.audit.keys add NAME | list | revoke NAME | init``: the file of keys, each change recorded.

Each change is recorded in OPERATIONS before it is made, like every operation. But keys are needed before NATS first
starts, and a stolen one must be revoked while NATS is away. So where NATS cannot be reached the change is still made,
with a warning that it is not recorded. Where NATS is there and cannot record it, a key is revoked, but none is added.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

from services.audit.adapters.recording import operation_log, os_user
from services.audit.command import connected, run
from services.bus.wire.cluster import UnfitServerError
from services.bus.wire.connection import BusUnavailableError, NotAdmittedError
from services.contracts.operations import Kind, Operation
from services.keys.program import EXIT_DONE, Ended, asked, carry_out
from services.records.operations import NotRecordedError
from services.settings.bus import bus_settings

CONNECT_WITHIN_S = 3.0
EXIT_NOT_RECORDED = 3
KINDS: Mapping[str, Kind] = {"add": "key-add", "revoke": "key-revoke"}
NOT_RECORDED = "NOT RECORDED in the operators' log (tarifa log operators): {why}"


async def keys() -> int:
    """Run the command line."""
    return await run_command(sys.argv[1:], os.environ)


async def run_command(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """List the keys, or change and record them; return the exit status."""
    given = asked(arguments)
    kind = KINDS.get(given.command)
    if kind is None:
        return carry_out(given, env).status
    changing = _Changing(given, env, _operation(kind, given))
    try:
        await changing.recorded()
    except NotRecordedError as error:
        if kind == "key-add":
            _say(str(error))
            return EXIT_NOT_RECORDED
        changing.unrecorded(str(error))
    except (BusUnavailableError, NotAdmittedError, UnfitServerError) as error:
        changing.unrecorded(str(error))
    return changing.ended.status if changing.ended else EXIT_NOT_RECORDED


class _Changing:
    """One change, made once; ``ended`` is None until then."""

    def __init__(self, given: argparse.Namespace, env: Mapping[str, str], operation: Operation) -> None:
        self._given = given
        self._env = env
        self._operation = operation
        self.ended: Ended | None = None

    async def recorded(self) -> None:
        """Record the request, make the change, record the outcome.

        Raises:
            NotRecordedError: NATS is there, and it could not be recorded.
            BusUnavailableError, NotAdmittedError, UnfitServerError: no NATS that could be used.
        """
        settings = bus_settings(self._env)
        async with (
            connected(settings, "keys", CONNECT_WITHIN_S) as bus,
            operation_log(bus, settings.credentials).recorded(self._operation, os_user()) as outcome,
        ):
            self.ended = await asyncio.to_thread(carry_out, self._given, self._env)
            if self.ended.why:
                outcome.refused(self.ended.why)

    def unrecorded(self, why: str) -> None:
        """Make the change, unless it is made, and warn that it is not in the log."""
        if self.ended is None:
            self.ended = carry_out(self._given, self._env)
            if self.ended.status == EXIT_DONE:
                _say(NOT_RECORDED.format(why=why))


def _operation(kind: Kind, given: argparse.Namespace) -> Operation:
    return Operation(kind, given.name, detail=f"may {', '.join(given.scope)}" if kind == "key-add" else "")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # for the operator


if __name__ == "__main__":
    sys.exit(run(keys))
