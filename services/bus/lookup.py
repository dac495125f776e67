"""Looking a message up by its subject: Direct Get, 0.2-0.3 ms, no index of ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from services.bus import api
from services.bus.connection import Bus, BusAwayError
from services.bus.message import Message

_LOOKUP_TIMEOUT_S = 2.0
_NOT_FOUND = "404"
_END = "204"
_NONE_OF_THEM = "No Results"  # the other 404 of a batch: a message was deleted while it was read
_SUBJECTS_MAX = 50  # of one request: from there on the server spends the same on a subject
_MESSAGES_MAX = 1_024  # the most that the server gives at once; each subject may have wildcards


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message as the stream holds it."""

    seq: int
    subject: str
    data: bytes
    stored_at: datetime


async def last_for(bus: Bus, stream: str, subject: str) -> StoredMessage | None:
    """Return the newest message of a subject, which may have wildcards, or None if there is none.

    Raises:
        BusAwayError: no answer; it may be there or not.
    """
    return await _get(bus, stream, {"last_by_subj": subject})


async def last_for_each(bus: Bus, stream: str, subjects: Sequence[str]) -> list[StoredMessage]:
    """Return the newest message of every subject that is there, by sequence; those asked for may have wildcards.

    Many subjects are asked for in several requests, one after another: each is answered as of its own moment.

    Raises:
        BusAwayError: no complete answer; any of them may be there or not.
    """
    found: dict[int, StoredMessage] = {}
    for begin in range(0, len(subjects), _SUBJECTS_MAX):
        some = await _last_of_some(bus, stream, subjects[begin : begin + _SUBJECTS_MAX])
        found |= {stored.seq: stored for stored in some}
    return [found[seq] for seq in sorted(found)]


async def _last_of_some(bus: Bus, stream: str, subjects: Sequence[str]) -> list[StoredMessage]:
    request = orjson.dumps({"multi_last": subjects, "batch": _MESSAGES_MAX})
    messages, end = await bus.request_many(f"$JS.API.DIRECT.GET.{stream}", request, _LOOKUP_TIMEOUT_S)
    status, description = end.headers.get("Status"), end.headers.get("Description")
    if status == _NOT_FOUND and description == _NONE_OF_THEM and not messages:
        return []
    if status != _END or end.headers.get("Nats-Num-Pending") != "0":
        raise BusAwayError(f"incomplete answer: {len(messages)} messages, then {dict(end.headers)}")
    return [_stored(message, message.headers) for message in messages]


async def first_from(bus: Bus, stream: str, seq: int, subject: str) -> StoredMessage | None:
    """Return the first message of a subject at or after a sequence, or None if there is none.

    Raises:
        BusAwayError: no answer.
    """
    return await _get(bus, stream, {"seq": seq, "next_by_subj": subject})


async def _get(bus: Bus, stream: str, request: dict[str, str | int]) -> StoredMessage | None:
    message = await bus.request(f"$JS.API.DIRECT.GET.{stream}", orjson.dumps(request), _LOOKUP_TIMEOUT_S)
    headers = message.headers
    if headers.get("Status") == _NOT_FOUND:
        return None
    return _stored(message, headers)


def _stored(message: Message, headers: Mapping[str, str]) -> StoredMessage:
    try:
        return StoredMessage(
            seq=int(headers["Nats-Sequence"]),
            subject=headers["Nats-Subject"],
            data=message.data,
            stored_at=_time(headers["Nats-Time-Stamp"]),
        )
    except (KeyError, ValueError) as error:
        raise BusAwayError(f"unreadable answer: {headers}") from error


def _time(text: str) -> datetime:
    # Nanoseconds, 0 to 9 digits of them; Python reads six.
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{fraction[:6].ljust(6, '0')}+00:00")


@dataclass(frozen=True, slots=True)
class StreamState:
    """How much a stream holds, and the last sequence that it gave out."""

    messages: int
    first_seq: int
    last_seq: int
    size_bytes: int


async def stream_state(bus: Bus, stream: str) -> StreamState:
    """Return the state of a stream.

    Raises:
        ApiError, BusAwayError: as of the API.
    """
    state = (await api.call(bus, f"STREAM.INFO.{stream}"))["state"]
    return StreamState(
        int(state["messages"]), int(state["first_seq"]), int(state["last_seq"]), size_bytes=int(state["bytes"])
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many messages a stream holds, and when the oldest of them was stored; None where there is none."""

    messages: int
    oldest_at: datetime | None


async def waiting(bus: Bus, stream: str) -> Waiting:
    """Return what a work queue still holds, whoever has it in hand.

    Raises:
        ApiError, BusAwayError: as of the API.
    """
    state = (await api.call(bus, f"STREAM.INFO.{stream}"))["state"]
    messages = int(state["messages"])
    return Waiting(messages, _time(state["first_ts"]) if messages else None)


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """The last sequence a durable delivered, and how many messages it has not delivered yet."""

    delivered_seq: int
    pending: int


async def consumer_state(bus: Bus, stream: str, durable: str) -> ConsumerState:
    """Return the state of a durable consumer.

    Raises:
        ApiError, BusAwayError: as of the API.
    """
    info = await api.call(bus, f"CONSUMER.INFO.{stream}.{durable}")
    return ConsumerState(int(info["delivered"]["stream_seq"]), int(info["num_pending"]))
