"""How far what waits is doubtful, in the metadata of PAYMENTS: written when the store went back in time.

It lies in the store itself, so that a copy of it says so too; and it names the server process that was met last, since
one that does not sync each message may have lost what it acknowledged before.

What has passed of a mark is in the metadata of ASSIGNMENTS: nobody who writes it can undo a mark that is being made.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.bus.jetstream import api
from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.stamp import text_of

PAYMENTS_TO = "doubtful_payments_to"
LINES_TO = "doubtful_lines_to"
SINCE = "doubtful_since"
SERVER = "server"
WAITED_OUT = "doubt_waited_out"
REPEATED_TO = "doubt_repeated_to"
WRITE_TRIES_MAX = 10
AGAIN_AFTER_S = 0.05

log = logging.getLogger("tarifa.records")

Marks = Mapping[str, str]


async def read_marks(bus: Bus) -> Marks:
    """Return the metadata of PAYMENTS.

    Raises:
        ApiError, BusUnavailableError: as of the API.
    """
    return await _metadata(bus, subjects.PAYMENTS)


async def mark_doubtful(bus: Bus, at: datetime) -> Marks:
    """Have all that waits now be doubtful from this moment on; return the metadata as it is then.

    Raises:
        ApiError, BusUnavailableError: as of the API; repeat it before anything is sent.
    """
    payments_to = (await stream_state(bus, subjects.PAYMENTS)).last_seq
    lines_to = (await stream_state(bus, subjects.ASSIGNMENTS)).last_seq
    known = await read_marks(bus)
    marks = {
        PAYMENTS_TO: str(max(payments_to, int(known.get(PAYMENTS_TO, "0")))),
        LINES_TO: str(max(lines_to, int(known.get(LINES_TO, "0")))),
        SINCE: text_of(at),
        SERVER: bus.server_id,
    }
    log.warning("store.doubtful", extra={"payments_to": marks[PAYMENTS_TO], "lines_to": marks[LINES_TO]})
    return await _write(bus, subjects.PAYMENTS, marks)


@dataclass(frozen=True, slots=True)
class DoubtProgress:
    """Which of the two waits of a doubtful store are over, by the word of the dispatchers that waited.

    Args:
        is_waited_out: no POST sent before it can be under way any more.
        repeated_to: the last sequence of PAYMENTS when no client repeated an earlier id any more; None: they may.
    """

    is_waited_out: bool = False
    repeated_to: int | None = None


async def read_progress(bus: Bus, since: str) -> DoubtProgress:
    """Return it for the mark of ``since``.

    Raises:
        ApiError, BusUnavailableError: as of the API.
    """
    metadata = await _metadata(bus, subjects.ASSIGNMENTS)
    mark, _, to = metadata.get(REPEATED_TO, "").rpartition(" ")
    return DoubtProgress(metadata.get(WAITED_OUT) == since, int(to) if mark == since else None)


async def note_waited_out(bus: Bus, since: str) -> None:
    """Write that no POST sent before that mark can be under way, so that a dispatcher that starts later need not wait.

    Raises:
        ApiError, BusUnavailableError: as of the API.
    """
    await _write(bus, subjects.ASSIGNMENTS, {WAITED_OUT: since})


async def note_repeated(bus: Bus, since: str) -> None:
    """Write that no client repeats an id from before that mark any more: what is accepted from now on is ordinary.

    Raises:
        ApiError, BusUnavailableError: as of the API.
    """
    last_seq = (await stream_state(bus, subjects.PAYMENTS)).last_seq
    await _write(bus, subjects.ASSIGNMENTS, {REPEATED_TO: f"{since} {last_seq}"})


async def note_server(bus: Bus) -> Marks:
    """Write which server process was met; nothing waits that could be doubtful.

    Raises:
        ApiError, BusUnavailableError: as of the API.
    """
    return await _write(bus, subjects.PAYMENTS, {SERVER: bus.server_id})


async def _write(bus: Bus, stream: str, marks: Marks) -> Marks:
    # Others write the configuration of the stream too: what was written is read back.
    for _ in range(WRITE_TRIES_MAX):
        config = (await api.call(bus, f"STREAM.INFO.{stream}"))["config"]
        written = {**config.get("metadata", {}), **marks}
        await api.call(bus, f"STREAM.UPDATE.{stream}", {**config, "metadata": written})
        found = await _metadata(bus, stream)
        if all(found.get(name) == text for name, text in marks.items()):
            return found
        await asyncio.sleep(AGAIN_AFTER_S)
    raise BusUnavailableError(f"the metadata of {stream} is being changed by others")


async def _metadata(bus: Bus, stream: str) -> Marks:
    info = await api.call(bus, f"STREAM.INFO.{stream}")
    return {str(name): str(text) for name, text in info["config"].get("metadata", {}).items()}
