"""The state of a stream or a consumer, from its leader."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.bus.jetstream import api
from services.bus.jetstream.stored_message import time_from_text
from services.bus.wire.connection import Bus

SILENT_AFTER_S = 3.5  # a leader gets an answer from each replica once a second; on a busy machine one or two are late


@dataclass(frozen=True, slots=True)
class Peer:
    """A server with a replica of a stream; its leader last heard from it ``seen_s`` ago, None: never as the leader."""

    name: str
    seen_s: float | None
    is_connected: bool = True

    def is_up(self) -> bool:
        """Return whether the leader has heard from it recently."""
        return self.is_connected and self.seen_s is not None and self.seen_s <= SILENT_AFTER_S


@dataclass(frozen=True, slots=True)
class StreamState:
    """How much a stream holds, and the last sequence that it gave out; ``peers`` as in `StreamLength`."""

    messages: int
    first_seq: int
    last_seq: int
    size_bytes: int
    peers: tuple[Peer, ...] = ()


async def stream_state(bus: Bus, stream: str) -> StreamState:
    """Return the state of a stream.

    Raises:
        ApiError, BusUnavailableError: from the API.
    """
    info = await api.call(bus, f"STREAM.INFO.{stream}")
    state = info["state"]
    return StreamState(
        int(state["messages"]),
        int(state["first_seq"]),
        int(state["last_seq"]),
        size_bytes=int(state["bytes"]),
        peers=peers_of(info.get("cluster") or {}),
    )


@dataclass(frozen=True, slots=True)
class StreamLength:
    """How many messages a stream holds, and when the oldest of them was stored, None where there is none.

    ``stored``: how many it has ever stored. ``peers``: the servers that have it, by name; empty for a single server.
    """

    messages: int
    oldest_at: datetime | None
    stored: int
    peers: tuple[Peer, ...] = ()


async def waiting(bus: Bus, stream: str) -> StreamLength:
    """Return what a work queue still holds, in hand or not.

    Raises:
        ApiError, BusUnavailableError: from the API.
    """
    info = await api.call(bus, f"STREAM.INFO.{stream}")
    messages = int(info["state"]["messages"])
    oldest_at = time_from_text(info["state"]["first_ts"]) if messages else None
    return StreamLength(messages, oldest_at, int(info["state"]["last_seq"]), peers_of(info.get("cluster") or {}))


def peers_of(cluster: Mapping[str, Any]) -> tuple[Peer, ...]:
    """Read the ``cluster`` of a stream's state: every server that has the stream, by name."""
    if not cluster.get("leader") or not cluster.get("replicas"):
        return ()  # a single server names itself as the leader
    others = [_peer(each) for each in cluster["replicas"]]
    return tuple(sorted([Peer(str(cluster["leader"]), 0.0), *others], key=lambda peer: peer.name))


def _peer(replica: Mapping[str, Any]) -> Peer:
    # A leader that has never heard from a replica reports 0 for it, the same as for one heard from just now.
    active_ns = int(replica.get("active", 0))
    seen_s = active_ns / 1e9 if active_ns or replica.get("current") else None
    return Peer(str(replica["name"]), seen_s, is_connected=not replica.get("offline", False))


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """The last sequence that a durable delivered, and how many messages it has not delivered yet."""

    delivered_seq: int
    pending: int


async def consumer_state(bus: Bus, stream: str, durable: str) -> ConsumerState:
    """Return the state of a durable consumer.

    Raises:
        ApiError, BusUnavailableError: from the API.
    """
    info = await api.call(bus, f"CONSUMER.INFO.{stream}.{durable}")
    return ConsumerState(int(info["delivered"]["stream_seq"]), int(info["num_pending"]))
