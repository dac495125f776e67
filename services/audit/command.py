"""How each command runs: it connects within a bounded time, and reports every end in words and in an exit status."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from services.audit.arguments import say_error
from services.bus.jetstream.api import ApiError
from services.bus.jetstream.follower import StreamWentBackError
from services.bus.wire.cluster import UnfitServerError
from services.bus.wire.connection import Bus, BusUnavailableError, NotAdmittedError
from services.contracts.events import NotAnEventError
from services.contracts.store_errors import StoreUnavailableError
from services.process import JsonLines
from services.settings.bus import BusSettings
from services.settings.environment import SettingError

EXIT_WRONG = 2
EXIT_INCOMPLETE = 3
CONNECT_WITHIN_S = 10.0


class IncompleteError(Exception):
    """The command could not finish; the sentence says why, and what to do."""


def run(command: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run a command and return its exit status: its own, 2 for wrong settings, 3 where it could not finish.

    With --json an error is also the last document on stdout: ``{"error": slug, "detail": sentence}``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    try:
        return asyncio.run(command())
    except (SettingError, UnfitServerError, NotAdmittedError) as error:
        return _say(str(error), EXIT_WRONG)
    except (
        IncompleteError,
        BusUnavailableError,
        StoreUnavailableError,
        ApiError,
        StreamWentBackError,
        NotAnEventError,
    ) as error:
        return _say(f"not finished: {error}", EXIT_INCOMPLETE)
    except Exception as error:
        logging.getLogger("tarifa.audit").exception("command.failed")
        say_error("not_finished", f"{type(error).__name__}: {error}")
        return EXIT_INCOMPLETE  # Python's own 1 would say that the work was done
    except KeyboardInterrupt:
        return _say("not finished: stopped", EXIT_INCOMPLETE)


@asynccontextmanager
async def connected(settings: BusSettings, name: str, within_s: float = CONNECT_WITHIN_S) -> AsyncIterator[Bus]:
    """Connect, and close at the end.

    Raises:
        BusUnavailableError: no NATS there. A service would wait for it; a person needs an answer.
        UnfitServerError: the server does not match NATS_REPLICAS: what it returns could be out of date.
    """
    try:
        async with asyncio.timeout(within_s):
            bus = await Bus.connect(
                settings.nats_url, name, replicas=settings.limits.replicas, credentials=settings.credentials
            )
    except TimeoutError:
        how = "NATS_URL, NATS_CREDENTIALS and NATS_CA say how to reach it"
        raise BusUnavailableError(f"no NATS at {settings.nats_url} within {within_s:g} s; {how}") from None
    try:
        bus.check_server()
        yield bus
    finally:
        await bus.close()


def _say(text: str, status: int) -> int:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # for the operator, not for a log
    say_error("usage" if status == EXIT_WRONG else "not_finished", text)
    return status
