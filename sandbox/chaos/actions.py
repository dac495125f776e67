"""Does what was planned, when it was planned, and records what was really done."""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sandbox.chaos.acts import NODE_KINDS, Act, Kind
from sandbox.chaos.apart import Apart
from sandbox.chaos.change_faults import ChangeFaults
from sandbox.chaos.load import Load
from sandbox.chaos.long_faults import LongFaults
from sandbox.chaos.node_faults import NodeFaults, NotWholeError
from sandbox.chaos.pause_faults import PauseFaults
from sandbox.chaos.processors import CALM, WELL
from sandbox.chaos.world import World
from sandbox.nats_wire import WireError, api

# The limit is set again this often: a stream may have been emptied a little, or a service may have restored the limit.
FULL_AGAIN_EVERY_S = 0.5
UNFILL_TRIES_MAX = 10
_LIMITS = {
    Kind.PAYMENTS_FULL: ("PAYMENTS", "max_msgs", "messages"),
    Kind.SETTLEMENTS_FULL: ("SETTLEMENTS", "max_bytes", "bytes"),
}
_SIGNALS = {Kind.KILL: signal.SIGKILL, Kind.RESTART: signal.SIGTERM, Kind.FREEZE: signal.SIGSTOP}


@dataclass(slots=True)
class Done:
    """A fault as it was really done; ``ended_s`` None: it is still under way. ``result``: what it led to."""

    act: Act
    began_s: float
    ended_s: float | None = None
    result: str = ""

    def __str__(self) -> str:
        until = "" if self.ended_s is None else f" for {self.ended_s - self.began_s:.1f} s"
        detail = f" {dict(self.act.detail)}" if self.act.detail else ""
        return f"{self.act.kind} {self.act.target}{until}{detail}{' ' if self.result else ''}{self.result}"


class Actions:
    """Faults under way and done."""

    def __init__(self, world: World, load: Load, apart: Apart) -> None:
        self._world = world
        self._apart = apart
        self.long_faults = LongFaults(world)
        self.pausing = PauseFaults(world)
        self.nodes = NodeFaults(world.stack, world.cluster)
        self.changes = ChangeFaults(world, load, self.nodes)
        self.done: list[Done] = []
        self.skipped: Counter[str] = Counter()
        self._limits: dict[str, int] = {}
        self._do: dict[Kind, Callable[[Act], Awaitable[str]]] = {
            Kind.MOOD: self._mood,
            Kind.PROFILE: self._profile,
            Kind.KILL: self._end,
            Kind.RESTART: self._end,
            Kind.FREEZE: self._freeze,
            Kind.REFUSE: self._refuse,
            Kind.STALL: self._stall,
            Kind.RESET: self._reset,
            Kind.HOLD_BACK: self._hold_back,
            Kind.PAYMENTS_FULL: self._fill_payments,
            Kind.SETTLEMENTS_FULL: self._fill,
            Kind.OUTAGE: self.long_faults.outage,
            Kind.SLOWER: self.long_faults.behave,
            Kind.REFUSAL: self.long_faults.behave,
            Kind.RELEASE: self.long_faults.release,
            Kind.PAUSE: self.pausing.pause,
            Kind.CLOCKS: self._clocks,
            Kind.RECONFIGURE: self.changes.reconfigure,
            Kind.MOVE: self.changes.move,
            Kind.REPLACE: self.changes.replace,
            Kind.STORE_BACK: self.changes.put_store_back,
            Kind.POWER_CUT: self.changes.cut_power,
            **dict.fromkeys(NODE_KINDS, self.nodes.carry_out),
        }

    @property
    def under_way(self) -> list[Done]:
        """The faults under way now."""
        return [done for done in self.done if done.ended_s is None]

    def count(self, *kinds: Kind) -> int:
        """How many faults of these kinds were really done."""
        return sum(done.act.kind in kinds for done in self.done)

    async def run(self, acts: Sequence[Act]) -> None:
        """Do all acts; return when the last one is over."""
        begin_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for act in acts:
                await asyncio.sleep(max(0.0, begin_s + act.at_s - time.monotonic()))
                group.create_task(self._one(act))

    async def calm(self) -> None:
        """End all faults, including what an interrupted one has left; to be repeated where it raises WireError."""
        for part in (*self._world.services, *self._world.processors):
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                self._world.signal(part, signal.SIGCONT)
        for processor in self._world.all_processors:
            processor.end_override()
            processor.want(mood=CALM, profile=WELL)
            await processor.proxy.pass_through()
        await self.nodes.calm()
        for name in tuple(self._world.paused):
            await self.pausing.resume(name)
        for kind in _LIMITS:
            await self._set_limit(kind)

    async def _one(self, act: Act) -> None:
        done = Done(act, time.time())
        try:
            self.done.append(done)
            done.result = await self._do[act.kind](act)
        except (ProcessLookupError, FileNotFoundError, WireError, NotWholeError) as error:
            self.done.remove(done)
            self.skipped[f"{act.kind} {act.target}: {type(error).__name__}"] += 1
        done.ended_s = time.time()

    # Processes.

    async def _end(self, act: Act) -> str:
        await self._world.hit(act.target, _SIGNALS[act.kind], act.lasts_s)
        await asyncio.sleep(act.lasts_s)
        return ""

    async def _freeze(self, act: Act) -> str:
        await self._world.hit(act.target, signal.SIGSTOP, act.lasts_s)
        await asyncio.sleep(act.lasts_s)
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            self._world.signal(act.target, signal.SIGCONT)
        return ""

    # Clients.

    async def _clocks(self, act: Act) -> str:
        return await self._apart.store(act.detail["apart_s"], act.lasts_s, act.detail["per_s"])

    # Processors.

    async def _mood(self, act: Act) -> str:
        processor = self._world.processors[act.target]
        processor.want(mood=dict(act.detail))
        await asyncio.sleep(act.lasts_s)
        processor.want(mood=CALM)
        return ""

    async def _profile(self, act: Act) -> str:
        processor = self._world.processors[act.target]
        processor.want(profile=dict(act.detail))
        await asyncio.sleep(act.lasts_s)
        processor.want(profile=WELL)
        return ""

    # The network.

    async def _refuse(self, act: Act) -> str:
        proxy = self._world.processors[act.target].proxy
        await proxy.refuse()
        if act.detail["resets_too"]:
            await proxy.reset()
        await asyncio.sleep(act.lasts_s)
        await proxy.pass_through()
        return ""

    async def _stall(self, act: Act) -> str:
        proxy = self._world.processors[act.target].proxy
        await proxy.stall()
        await asyncio.sleep(act.lasts_s)
        await proxy.pass_through()
        return ""

    async def _reset(self, act: Act) -> str:
        proxy = self._world.processors[act.target].proxy
        before = proxy.counts.reset
        for _ in range(act.detail["times"]):
            await proxy.reset()
            await asyncio.sleep(act.lasts_s / act.detail["times"])
        return f"{proxy.counts.reset - before} connections"

    async def _hold_back(self, act: Act) -> str:
        proxy = self._world.processors[act.target].proxy
        before = proxy.counts.held
        await proxy.hold_back()
        await asyncio.sleep(act.lasts_s)
        await proxy.release(throw_answers_away=act.detail["throws_answers_away"])
        await proxy.pass_through()
        return f"{proxy.counts.held - before} requests"

    # Streams.

    async def _fill_payments(self, act: Act) -> str:
        """Fill PAYMENTS, never during faults of servers: it would hide for how long these hold POSTs up."""
        async with self.nodes.alone():
            return await self._fill(act)

    async def _fill(self, act: Act) -> str:
        """Limit a stream to what it holds; dispatchers are frozen meanwhile, so that they take no payments out."""
        frozen = self._world.dispatchers if act.kind is Kind.PAYMENTS_FULL else ()
        until_s = time.monotonic() + act.lasts_s
        try:
            for part in frozen:
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                    self._world.signal(part, signal.SIGSTOP)
            await self._set_limit(act.kind, to_what_is_there=True)
            while time.monotonic() < until_s:
                await asyncio.sleep(FULL_AGAIN_EVERY_S)
                with contextlib.suppress(WireError):
                    await self._set_limit(act.kind, to_what_is_there=True)
        finally:
            for part in frozen:
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                    self._world.signal(part, signal.SIGCONT)
            await self._unfill(act.kind)
        return ""

    async def _unfill(self, kind: Kind) -> None:
        """Restore the limit; without a leader that takes a while. `calm` does what is left."""
        for _ in range(UNFILL_TRIES_MAX):
            try:
                await self._set_limit(kind)
            except WireError:
                await asyncio.sleep(FULL_AGAIN_EVERY_S)
            else:
                return

    async def _set_limit(self, kind: Kind, *, to_what_is_there: bool = False) -> None:
        """Write the limit, by default the original one; raises WireError."""
        stream, field, held = _LIMITS[kind]
        async with self._world.wire() as wire:
            info = await api(wire, f"STREAM.INFO.{stream}")
            original = self._limits.setdefault(field, int(info["config"][field]))
            limit = max(1, int(info["state"][held])) if to_what_is_there else original
            if int(info["config"][field]) != limit:
                await api(wire, f"STREAM.UPDATE.{stream}", info["config"] | {field: limit})
