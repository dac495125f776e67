"""Samples of the internal state while the load runs: once a second the dispatcher's state, and every service's CPU.

Read from outside: `dispatcher.state` over NATS, and the kernel's counts.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.nats_connection import NatsAddress, NatsConnection, NatsError

SAMPLE_EVERY_S = 1.0
STATE = "dispatcher.state"
LEDGER_STATE = "ledger.state"


@dataclass(frozen=True, slots=True)
class CpuUsage:
    """What a service has used since its start; ``throttled_s`` is 0 without a limit."""

    cpu_s: float
    throttled_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StateSample:
    """One sample; ``state`` is None if the dispatcher did not answer, ``counted`` if the ledger did not.

    ``counted``: p50 and p99 (ms) from a processor's answer until the settlement is in the book, since its start.
    """

    at_ms: int
    state: "SampledDispatcher | None"
    cpu_usage: Mapping[str, CpuUsage]
    counted: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class SampledDispatcher:
    """A dispatcher's state: condition and calls under way by processor, and counts since its start."""

    conditions: Mapping[str, str]
    in_flight: Mapping[str, int]
    in_hand: int
    backlog: int
    calls: int
    moves: int


@contextmanager
def sampling(nats: NatsAddress, cpu_usage: Callable[[], Mapping[str, CpuUsage]]) -> Iterator[list[StateSample]]:
    """Take a sample every second until the end of the block; the list grows meanwhile."""
    samples: list[StateSample] = []
    ended = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_read(nats, cpu_usage, samples, ended)), name="state-samples")
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


async def _read(
    nats: NatsAddress,
    cpu_usage: Callable[[], Mapping[str, CpuUsage]],
    samples: list[StateSample],
    ended: threading.Event,
) -> None:
    connection: NatsConnection | None = None
    while not ended.is_set():
        begun_s = time.monotonic()
        state: SampledDispatcher | None = None
        counted: tuple[float, float] | None = None
        try:
            connection = connection or await NatsConnection.connect(*nats)
            state = _state((await connection.request(STATE)).data)
            counted = _counted((await connection.request(LEDGER_STATE)).data)
        except NatsError:  # NATS or the dispatcher is away: a gap in the plot
            if connection is not None:
                await connection.close()
            connection = None
        samples.append(StateSample(int(time.time() * 1000), state, cpu_usage(), counted))
        await asyncio.sleep(max(0.0, begun_s + SAMPLE_EVERY_S - time.monotonic()))
    if connection is not None:
        await connection.close()


def _counted(data: bytes) -> tuple[float, float] | None:
    answer = json.loads(data).get("bookedToCountedMs")
    return None if answer is None else (answer["p50"], answer["p99"])


def _state(data: bytes) -> SampledDispatcher:
    answer = json.loads(data)
    counts: dict[str, int] = answer["counts"]
    ended = ("settled.", "refused.", "not_booked", "unknown")
    return SampledDispatcher(
        conditions={name: condition["state"] for name, condition in answer["conditions"].items()},
        in_flight=answer["inFlight"],
        in_hand=answer["inHand"],
        backlog=answer["backlog"],
        calls=sum(count for name, count in counts.items() if name.startswith(ended)),
        moves=counts.get("moved", 0),
    )
