"""What every ``__main__`` shares: logs as JSON lines, stopping on a signal, exit codes."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime

import orjson
import uvloop

from services.bus.jetstream.follower import StreamWentBackError
from services.bus.jetstream.make_streams import make_streams
from services.bus.jetstream.streams import StreamMismatchError
from services.bus.wire.cluster import UnfitServerError
from services.bus.wire.connection import Bus, BusUnavailableError, BusUnresponsiveError, NotAdmittedError
from services.contracts.permissions import may_make_streams
from services.contracts.store_errors import StoreWentBackError
from services.log_throttle import FailureLog
from services.settings.bus import BusSettings
from services.settings.environment import SettingError, text_as

ASK_AGAIN_AFTER_S = 0.5
# All names that Python's `logging` has.
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL", "NOTSET")
EXIT_SETTING = 2
EXIT_UNRESPONSIVE = 3
EXIT_WENT_BACK = 4

_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """One line per record: time, level, logger, the dotted event name, and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _OF_EVERY_RECORD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def run(service: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run a service until SIGTERM or SIGINT sets the event and ``service`` returns.

    Exits with 2 where a setting, a stream or the server is not as it must be, 3 where the connection to NATS does not
    respond, 4 where the store knows less than the process did: restarted, it reads from the start.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    try:
        logging.basicConfig(level=log_level(os.environ), handlers=[handler], force=True)
        uvloop.run(_until_stopped(service))
    except* (SettingError, StreamMismatchError, UnfitServerError, NotAdmittedError) as group:
        for error in _leaves(group):
            print(error, file=sys.stderr)  # noqa: T201  # for the person who starts it, not for a log
        sys.exit(EXIT_SETTING)
    except* (StoreWentBackError, StreamWentBackError) as group:
        logging.getLogger("tarifa").critical("store.went_back", extra={"error": str(next(_leaves(group)))})
        sys.exit(EXIT_WENT_BACK)
    except* BusUnresponsiveError as group:
        logging.getLogger("tarifa").critical("bus.deaf", extra={"error": str(next(_leaves(group)))})
        sys.exit(EXIT_UNRESPONSIVE)


def log_level(env: Mapping[str, str]) -> int:
    """Return the lowest level that is logged, as a number of `logging`; LOG_LEVEL names it, in any case.

    Raises:
        SettingError: it is none of LOG_LEVELS.
    """
    return text_as(env, "LOG_LEVEL", "INFO", _level)


def _level(text: str) -> int:
    if text.upper() not in LOG_LEVELS:
        raise ValueError(f"must be {', '.join(LOG_LEVELS[:-1])} or {LOG_LEVELS[-1]}, not {text!r}")
    return logging.getLevelNamesMapping()[text.upper()]


async def connected(settings: BusSettings, name: str, stop: asyncio.Event) -> Bus | None:
    """Return a bus whose streams are there, or None if stopped first: it may take long until NATS is there.

    Raises:
        UnfitServerError: the server must not hold the streams.
        StreamMismatchError: a stream differs from the settings and cannot be updated.
        ApiError: from the API.
    """
    connecting = asyncio.create_task(_connect(settings, name))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((connecting, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if connecting.done():
        return connecting.result()
    connecting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await connecting
    return None


async def retry_until_answered(work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> bool:
    """Repeat idempotent work until NATS has answered all of it; return False if stopped first.

    A cluster has no leader for some seconds, and a service that starts meanwhile need not fail for that.
    """
    not_answered = FailureLog(logging.getLogger("tarifa"), "bus.not_answered")
    while not stop.is_set():
        try:
            await work()
        except BusUnavailableError as error:
            not_answered.failed(str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASK_AGAIN_AFTER_S):
                    await stop.wait()
        else:
            not_answered.succeeded()
            return True
    return False


async def _connect(settings: BusSettings, name: str) -> Bus:
    bus = await Bus.connect(
        settings.nats_url, name, replicas=settings.limits.replicas, credentials=settings.credentials
    )
    try:
        bus.check_server()
        # A request that is not allowed would get no answer, and an entry among the denied ones.
        may_change = settings.credentials.key is None or may_make_streams(name)
        await make_streams(bus, settings.limits, may_change=may_change)
    except BaseException:
        await bus.close()
        raise
    return bus


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _tune_garbage_collector() -> None:
    """Exempt what was imported, which stays for good: a full collection pauses ingress for 18 ms and finds nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


async def _until_stopped(service: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    _tune_garbage_collector()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await service(stop)
