"""Storing a message: only the PubAck says whether it is stored."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

import msgspec

from services.bus.jetstream import api
from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message
from services.bus.wire.requests import NotAllowedError

STORE_TIMEOUT_S = 2.0
IN_PROCESS_AGAIN_AFTER_S = 0.02  # a replicated message takes about 1 ms, where there is a leader


@dataclass(frozen=True, slots=True)
class StoredAt:
    """It is in the stream, at this sequence."""

    seq: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The stream remembers the message id; it stored nothing now, and may no longer hold what it stored before."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """The subject's last sequence is not the expected one; nothing was stored."""


@dataclass(frozen=True, slots=True)
class StreamFull:
    """The stream, or the disk, has no room; nothing was stored. Try again later."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No answer: it may be stored or not. Repeating is safe where a message id or an expected sequence guards it."""

    detail: str


@dataclass(frozen=True, slots=True)
class NotAllowed(Unavailable):
    """The server says that this user may not publish there. Nothing was stored."""


StoreResult = StoredAt | Duplicate | Conflict | StreamFull | Unavailable


def why_not_stored(result: Duplicate | Conflict | StreamFull | Unavailable) -> str:
    """Return a phrase for messages to people: why nothing was stored, or is not known to be."""
    match result:
        case Duplicate():
            return "a message with the same id is stored already"
        case Conflict():
            return "another message was stored under its subject"
        case StreamFull(detail) | Unavailable(detail):
            return detail


@dataclass(frozen=True, slots=True)
class _InProcess:
    """A message of the same id came just before and is not stored yet: ask again shortly."""


class _Error(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _PubAck(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    error: _Error | None = None


_pub_ack = msgspec.json.Decoder(_PubAck)


async def store(
    bus: Bus,
    stream: str,
    subject: str,
    data: bytes,
    *,
    message_id: str | None = None,
    expected_last: int | None = None,
    timeout_s: float = STORE_TIMEOUT_S,
    within_s: float = 0,
    more_headers: Mapping[str, str] | None = None,
) -> StoreResult:
    """Publish, within ``within_s`` together with other messages, and await the PubAck.

    With ``message_id`` the stream stores it once within its duplicate window. ``expected_last`` is a compare-and-set:
    the subject's newest message must have that sequence (0: there must be none). ``more_headers`` are stored with it;
    their values must not contain line ends.
    """
    headers = {"Nats-Expected-Stream": stream}
    if message_id is not None:
        headers["Nats-Msg-Id"] = message_id
    if expected_last is not None:
        headers["Nats-Expected-Last-Subject-Sequence"] = str(expected_last)
    if more_headers is not None:
        headers |= more_headers
    loop = asyncio.get_running_loop()
    ends_at_s = loop.time() + timeout_s
    while True:
        result = await _answer(bus.request(subject, data, timeout_s, headers, within_s))
        # A leader that is cut off answers at once "in process" for what it cannot store: that needs no majority.
        bus.note_leader(answered=isinstance(result, NotAllowed) or not isinstance(result, Unavailable | _InProcess))
        if not isinstance(result, _InProcess):
            return result
        if loop.time() + IN_PROCESS_AGAIN_AFTER_S > ends_at_s:
            return Unavailable("the same message was sent before, and is not stored yet")
        await asyncio.sleep(IN_PROCESS_AGAIN_AFTER_S)
        timeout_s = ends_at_s - loop.time()


async def _answer(asking: Awaitable[Message]) -> StoreResult | _InProcess:
    try:
        ack = _pub_ack.decode((await asking).data)
    except NotAllowedError as error:
        return NotAllowed(str(error))
    except BusUnavailableError as error:
        return Unavailable(str(error))
    except msgspec.MsgspecError as error:
        return Unavailable(f"unreadable PubAck: {error}")
    if ack.error is not None:
        return _rejected(ack.error)
    return Duplicate() if ack.duplicate else StoredAt(ack.seq)


def _rejected(error: _Error) -> Conflict | StreamFull | Unavailable | _InProcess:
    if error.err_code in api.WRONG_LAST_SEQUENCE:
        return Conflict()
    if error.err_code in api.STREAM_FULL:
        return StreamFull(error.description)
    if error.err_code == api.IN_PROCESS:
        return _InProcess()
    return Unavailable(f"{error.description} ({error.err_code})")
