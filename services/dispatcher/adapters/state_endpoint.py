"""The micro service ``dispatcher``: what this dispatcher has in hand, and the condition of each processor.

Several dispatchers share the requests to ``dispatcher.state``, so one of them answers, for itself. To
``$SRV.STATS.dispatcher`` each answers, with the same figures.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct, json, to_builtins

from services.bus.micro.service import About, Served, schema_of, serve
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.processor_entry import Pause
from services.dispatcher.adapters.processors_endpoint import ABOUT, ProcessorsEndpoint
from services.dispatcher.adapters.release_endpoint import ABOUT as ABOUT_RELEASES
from services.dispatcher.adapters.release_endpoint import ReleaseEndpoint
from services.dispatcher.core.condition import Condition
from services.dispatcher.core.status import Status

DESCRIPTION = "Charges each stored payment exactly once, at the cheapest processor that still settles it in time"
STATE_IS = "The payments that one dispatcher has in hand, and the processors' conditions; $SRV.STATS asks all"
LATENCY_DIGITS = 2  # of milliseconds


class ConditionShown(Struct, rename="camel", frozen=True):
    """A `Condition` with public names; ``base_latency_ms``: the least recent one; null: nothing is known."""

    state: Literal["serving", "failing"]
    latency_ms: float | None
    base_latency_ms: float | None
    since_ms: float


class DispatcherState(Struct, rename="camel", frozen=True):
    """One dispatcher now: by processor its condition and what is under way; counts since the dispatcher's start.

    ``paused``: the processors to which it sends nothing new because an operator has paused them, and who that was.
    """

    instance: str
    conditions: dict[str, ConditionShown]
    in_flight: dict[str, int]
    bound_waiting: dict[str, int]
    paused: dict[str, Pause]
    in_hand: int
    backlog: int
    counts: dict[str, int]


class StateEndpoint:
    """``dispatcher.state``, answered with the current status."""

    def __init__(self, status: Callable[[], Status], instance: str) -> None:
        self._status = status
        self._instance = instance

    async def serve(self, bus: Bus, releases: ReleaseEndpoint) -> Served:
        """Answer on the bus from now on, including requests about the processors, and release payments."""
        about = About(STATE_IS, answered=schema_of(DispatcherState), figures=self.figures)
        asked = {subjects.DISPATCHER_STATE: self.state, **ProcessorsEndpoint(bus).answers, **releases.answers}
        described = {subjects.DISPATCHER_STATE: about, **ABOUT, **ABOUT_RELEASES}
        return await serve(bus, subjects.DISPATCHER, DESCRIPTION, asked, described, instance=self._instance)

    async def state(self, _data: bytes) -> bytes:
        """Return the state, whatever the request."""
        return json.encode(self._now())

    def figures(self) -> Mapping[str, Any]:
        """Return the state for STATS."""
        state: dict[str, Any] = to_builtins(self._now())
        return state

    def _now(self) -> DispatcherState:
        now = self._status()
        return DispatcherState(
            instance=self._instance,
            conditions={name: _shown(known.condition) for name, known in now.processors.items()},
            in_flight={name: known.in_flight for name, known in now.processors.items()},
            bound_waiting={name: known.bound_waiting for name, known in now.processors.items()},
            paused=now.paused,
            in_hand=now.in_hand,
            backlog=now.backlog,
            counts=dict(now.counts),
        )


def _shown(known: Condition) -> ConditionShown:
    latencies = (known.latency_ms, known.base_latency_ms)
    latency_ms, base_latency_ms = (None if ms is None else round(ms, LATENCY_DIGITS) for ms in latencies)
    return ConditionShown(known.state, latency_ms, base_latency_ms, known.since_ms)
