"""How a stream or a consumer stands, by its leader's word."""

from dataclasses import dataclass
from datetime import datetime

from services.bus import api
from services.bus.connection import Bus
from services.bus.stored_message import time_from_text


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
    return Waiting(messages, time_from_text(state["first_ts"]) if messages else None)


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
