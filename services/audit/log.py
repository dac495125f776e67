"""``python -m services.audit.log operators``: who did what to the running system, from OPERATIONS."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import orjson

from services.audit.command import connected, run
from services.audit.core.operation_words import document, line
from services.audit.settings import LogSettings, log_settings
from services.bus.jetstream.follower import Follower
from services.bus.jetstream.work_queue import Delivery
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.operations import decode_operation

EXIT_DONE = 0
READ_WITHIN_S = 30.0
LOOK_EVERY_S = 0.05


async def print_log() -> int:
    """Run the command line."""
    return await run_command(sys.argv[1:], os.environ)


async def run_command(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Print the log, and with --follow what comes after it; return the exit status."""
    settings = log_settings(arguments, env, datetime.now(UTC))
    async with connected(settings.bus, "log") as bus:
        try:
            await _read(bus, _printer(settings), follows=settings.follows)
        except asyncio.CancelledError:
            if not settings.follows:
                raise  # Ctrl-C before the end; otherwise it is the end
    return EXIT_DONE


def _printer(settings: LogSettings) -> Callable[[Delivery], None]:
    def take(delivery: Delivery) -> None:
        event = decode_operation(delivery.data)
        if settings.since is None or event.at >= settings.since:
            _say(orjson.dumps(document(event, delivery.seq)).decode() if settings.as_json else line(event))

    return take


async def _read(bus: Bus, take: Callable[[Delivery], None], *, follows: bool) -> None:
    """Read the stream to its end, or forever.

    Raises:
        BusUnavailableError: it could not be read to its end in time.
        NotAnEventError: something in it is no event of a version known here.
    """
    follower = Follower(bus, subjects.OPERATIONS, subjects.OPERATIONS_ALL, take)
    following = asyncio.create_task(follower.run())
    try:
        async with asyncio.timeout(None if follows else READ_WITHIN_S):
            while follows or not follower.is_caught_up:
                await asyncio.wait((following,), timeout=LOOK_EVERY_S)
                if following.done():
                    return await following  # it has failed: this raises its error
    except TimeoutError:
        raise BusUnavailableError(f"OPERATIONS was not read to its end within {READ_WITHIN_S:g} s") from None
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # for the operator


if __name__ == "__main__":
    sys.exit(run(print_log))
