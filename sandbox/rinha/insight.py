"""The internal state while the load runs: once a second the dispatcher's state, and every service's CPU.

Read from outside: `dispatcher.state` over NATS, and the kernel's counts.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.nats_wire import Nats, Wire, WireError

EVERY_S = 1.0
STATE = "dispatcher.state"
LEDGER_STATE = "ledger.state"


@dataclass(frozen=True, slots=True)
class Spent:
    """What a service has used since its start; ``throttled_s`` is 0 without a limit."""

    cpu_s: float
    throttled_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading; ``state`` is None if the dispatcher did not answer, ``counted`` if the ledger did not.

    ``counted``: p50 and p99 (ms) from a processor's answer until the settlement is in the book, since its start.
    """

    at_ms: int
    state: "State | None"
    spent: Mapping[str, Spent]
    counted: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class State:
    """A dispatcher's state: condition and calls under way by processor, and counts since its start."""

    conditions: Mapping[str, str]
    in_flight: Mapping[str, int]
    in_hand: int
    backlog: int
    calls: int
    moves: int


@contextmanager
def watching(nats: Nats, spent: Callable[[], Mapping[str, Spent]]) -> Iterator[list[Reading]]:
    """Read once a second until the end of the block; the list grows meanwhile."""
    readings: list[Reading] = []
    ended = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_read(nats, spent, readings, ended)), name="insight")
    thread.start()
    try:
        yield readings
    finally:
        ended.set()
        thread.join()


async def _read(
    nats: Nats, spent: Callable[[], Mapping[str, Spent]], readings: list[Reading], ended: threading.Event
) -> None:
    wire: Wire | None = None
    while not ended.is_set():
        begun_s = time.monotonic()
        state: State | None = None
        counted: tuple[float, float] | None = None
        try:
            wire = wire or await Wire.connect(*nats)
            state = _state((await wire.ask(STATE)).data)
            counted = _counted((await wire.ask(LEDGER_STATE)).data)
        except WireError:  # NATS or the dispatcher is away: a gap in the plot
            if wire is not None:
                await wire.close()
            wire = None
        readings.append(Reading(int(time.time() * 1000), state, spent(), counted))
        await asyncio.sleep(max(0.0, begun_s + EVERY_S - time.monotonic()))
    if wire is not None:
        await wire.close()


def _counted(data: bytes) -> tuple[float, float] | None:
    said = json.loads(data).get("bookedToCountedMs")
    return None if said is None else (said["p50"], said["p99"])


def _state(data: bytes) -> State:
    said = json.loads(data)
    counts: dict[str, int] = said["counts"]
    ended = ("settled.", "refused.", "not_booked", "unknown")
    return State(
        conditions={name: condition["state"] for name, condition in said["conditions"].items()},
        in_flight=said["inFlight"],
        in_hand=said["inHand"],
        backlog=said["backlog"],
        calls=sum(count for name, count in counts.items() if name.startswith(ended)),
        moves=counts.get("moved", 0),
    )
