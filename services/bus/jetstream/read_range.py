"""Messages of a stream read by sequence, some hundreds by one Direct Get: nothing is consumed, no consumer created."""

from dataclasses import dataclass
from datetime import datetime

import orjson

from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts.stamp import text_of

RANGE_TIMEOUT_S = 5.0
_NOT_FOUND = "404"
_END = "204"
_SEQUENCE = b"Nats-Sequence: "


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """One message: its sequence and its data."""

    seq: int
    data: bytes


async def read_range(bus: Bus, stream: str, first: int, count: int) -> list[ReadMessage]:
    """Return the messages from a sequence on, ``count`` at most; empty: there are no more.

    A message that its server finds damaged is skipped like a deleted one. With several replicas any of them answers,
    and one that lags ends early.

    Raises:
        BusUnavailableError: no complete answer.
    """
    # Without a subject: with one the server counts, for each answer, how many are left.
    request = orjson.dumps({"seq": first, "batch": count})
    messages, end = await bus.request_many(f"$JS.API.DIRECT.GET.{stream}", request, RANGE_TIMEOUT_S)
    status = end.headers.get("Status")
    if status == _NOT_FOUND and not messages:
        return []
    if status != _END:
        raise BusUnavailableError(f"incomplete answer: {len(messages)} messages, then {dict(end.headers)}")
    try:
        return [ReadMessage(int(message.header(_SEQUENCE) or ""), message.data) for message in messages]
    except ValueError as error:
        raise BusUnavailableError(f"unreadable answer of {stream}") from error


async def first_seq_since(bus: Bus, stream: str, moment: datetime) -> int | None:
    """Return the sequence of the first message that was stored at or after a moment, None if there is none.

    Raises:
        BusUnavailableError: no answer.
    """
    request = orjson.dumps({"start_time": text_of(moment), "batch": 1})
    messages, end = await bus.request_many(f"$JS.API.DIRECT.GET.{stream}", request, RANGE_TIMEOUT_S)
    if not messages and end.headers.get("Status") == _NOT_FOUND:
        return None
    try:
        return int(messages[0].headers["Nats-Sequence"])
    except (IndexError, KeyError, ValueError) as error:
        raise BusUnavailableError(f"unreadable answer of {stream}: {dict(end.headers)}") from error
