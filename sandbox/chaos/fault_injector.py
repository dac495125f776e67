"""Injects the planned faults at their times, and records what was really done."""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sandbox.chaos.change_faults import ChangeFaults
from sandbox.chaos.load import Load
from sandbox.chaos.long_faults import LongFaults
from sandbox.chaos.node_faults import ClusterUnhealthyError, NodeFaults
from sandbox.chaos.pause_faults import PauseFaults
from sandbox.chaos.planned_fault import NODE_KINDS, FaultKind, PlannedFault
from sandbox.chaos.simulated_processor import HEALTHY, NO_FAULTS
from sandbox.chaos.skewed_ingress import SkewedIngress
from sandbox.chaos.system_under_test import SystemUnderTest
from sandbox.nats_connection import NatsError, jetstream_api

# The limit is set again this often: a stream may have been emptied a little, or a service may have restored the limit.
LIMIT_EVERY_S = 0.5
RESTORE_TRIES_MAX = 10
_LIMITS = {
    FaultKind.PAYMENTS_FULL: ("PAYMENTS", "max_msgs", "messages"),
    FaultKind.SETTLEMENTS_FULL: ("SETTLEMENTS", "max_bytes", "bytes"),
}
_SIGNALS = {FaultKind.KILL: signal.SIGKILL, FaultKind.RESTART: signal.SIGTERM, FaultKind.FREEZE: signal.SIGSTOP}


@dataclass(slots=True)
class InjectedFault:
    """A fault as it was really done; ``ended_s`` None: it is still under way. ``result``: what it led to."""

    fault: PlannedFault
    began_s: float
    ended_s: float | None = None
    result: str = ""

    def __str__(self) -> str:
        until = "" if self.ended_s is None else f" for {self.ended_s - self.began_s:.1f} s"
        detail = f" {dict(self.fault.detail)}" if self.fault.detail else ""
        return f"{self.fault.kind} {self.fault.target}{until}{detail}{' ' if self.result else ''}{self.result}"


class FaultInjector:
    """Injects faults; ``injected`` are those under way and over, ``skipped`` counts those that were not possible."""

    def __init__(self, system: SystemUnderTest, load: Load, skewed_ingress: SkewedIngress) -> None:
        self._system = system
        self._skewed_ingress = skewed_ingress
        self.long_faults = LongFaults(system)
        self.pause_faults = PauseFaults(system)
        self.node_faults = NodeFaults(system.stack, system.nats_servers)
        self.change_faults = ChangeFaults(system, load, self.node_faults)
        self.injected: list[InjectedFault] = []
        self.skipped: Counter[str] = Counter()
        self._limits: dict[str, int] = {}
        self._do: dict[FaultKind, Callable[[PlannedFault], Awaitable[str]]] = {
            FaultKind.FAULT_MIX: self._set_fault_mix,
            FaultKind.PROFILE: self._profile,
            FaultKind.KILL: self._end_process,
            FaultKind.RESTART: self._end_process,
            FaultKind.FREEZE: self._freeze,
            FaultKind.REFUSE: self._refuse,
            FaultKind.STALL: self._stall,
            FaultKind.RESET: self._reset,
            FaultKind.HOLD_BACK: self._hold_back,
            FaultKind.PAYMENTS_FULL: self._fill_payments,
            FaultKind.SETTLEMENTS_FULL: self._fill,
            FaultKind.OUTAGE: self.long_faults.outage,
            FaultKind.SLOWER: self.long_faults.behave,
            FaultKind.REFUSAL: self.long_faults.behave,
            FaultKind.RELEASE: self.long_faults.release,
            FaultKind.PAUSE: self.pause_faults.pause,
            FaultKind.CLOCKS: self._clocks,
            FaultKind.RECONFIGURE: self.change_faults.reconfigure,
            FaultKind.MOVE: self.change_faults.move,
            FaultKind.REPLACE: self.change_faults.replace,
            FaultKind.STORE_BACK: self.change_faults.restore_store,
            FaultKind.POWER_CUT: self.change_faults.cut_power,
            **dict.fromkeys(NODE_KINDS, self.node_faults.carry_out),
        }

    @property
    def under_way(self) -> list[InjectedFault]:
        """The faults under way now."""
        return [each for each in self.injected if each.ended_s is None]

    def count(self, *kinds: FaultKind) -> int:
        """How many faults of these kinds were really done."""
        return sum(each.fault.kind in kinds for each in self.injected)

    async def run(self, faults: Sequence[PlannedFault]) -> None:
        """Inject all faults; return when the last one is over."""
        begin_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(max(0.0, begin_s + fault.at_s - time.monotonic()))
                group.create_task(self._inject(fault))

    async def end_all(self) -> None:
        """End all faults, including what an interrupted one has left; to be repeated where it raises NatsError."""
        for part in (*self._system.services, *self._system.processors):
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                self._system.signal(part, signal.SIGCONT)
        for processor in self._system.all_processors:
            processor.end_override()
            processor.configure(fault_mix=NO_FAULTS, profile=HEALTHY)
            await processor.proxy.pass_through()
        await self.node_faults.end_all()
        for name in tuple(self._system.paused):
            await self.pause_faults.resume(name)
        for kind in _LIMITS:
            await self._set_limit(kind)

    async def _inject(self, fault: PlannedFault) -> None:
        injected = InjectedFault(fault, time.time())
        try:
            self.injected.append(injected)
            injected.result = await self._do[fault.kind](fault)
        except (ProcessLookupError, FileNotFoundError, NatsError, ClusterUnhealthyError) as error:
            self.injected.remove(injected)
            self.skipped[f"{fault.kind} {fault.target}: {type(error).__name__}"] += 1
        injected.ended_s = time.time()

    # Processes.

    async def _end_process(self, fault: PlannedFault) -> str:
        await self._system.hit(fault.target, _SIGNALS[fault.kind], fault.lasts_s)
        await asyncio.sleep(fault.lasts_s)
        return ""

    async def _freeze(self, fault: PlannedFault) -> str:
        await self._system.hit(fault.target, signal.SIGSTOP, fault.lasts_s)
        await asyncio.sleep(fault.lasts_s)
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            self._system.signal(fault.target, signal.SIGCONT)
        return ""

    # Clients.

    async def _clocks(self, fault: PlannedFault) -> str:
        return await self._skewed_ingress.store(fault.detail["skew_s"], fault.lasts_s, fault.detail["per_s"])

    # Processors.

    async def _set_fault_mix(self, fault: PlannedFault) -> str:
        processor = self._system.processors[fault.target]
        processor.configure(fault_mix=dict(fault.detail))
        await asyncio.sleep(fault.lasts_s)
        processor.configure(fault_mix=NO_FAULTS)
        return ""

    async def _profile(self, fault: PlannedFault) -> str:
        processor = self._system.processors[fault.target]
        processor.configure(profile=dict(fault.detail))
        await asyncio.sleep(fault.lasts_s)
        processor.configure(profile=HEALTHY)
        return ""

    # The network.

    async def _refuse(self, fault: PlannedFault) -> str:
        proxy = self._system.processors[fault.target].proxy
        await proxy.refuse()
        if fault.detail["resets_too"]:
            await proxy.reset()
        await asyncio.sleep(fault.lasts_s)
        await proxy.pass_through()
        return ""

    async def _stall(self, fault: PlannedFault) -> str:
        proxy = self._system.processors[fault.target].proxy
        await proxy.stall()
        await asyncio.sleep(fault.lasts_s)
        await proxy.pass_through()
        return ""

    async def _reset(self, fault: PlannedFault) -> str:
        proxy = self._system.processors[fault.target].proxy
        before = proxy.counts.reset
        for _ in range(fault.detail["times"]):
            await proxy.reset()
            await asyncio.sleep(fault.lasts_s / fault.detail["times"])
        return f"{proxy.counts.reset - before} connections"

    async def _hold_back(self, fault: PlannedFault) -> str:
        proxy = self._system.processors[fault.target].proxy
        before = proxy.counts.held
        await proxy.hold_back()
        await asyncio.sleep(fault.lasts_s)
        await proxy.release(drop_answers=fault.detail["drops_answers"])
        await proxy.pass_through()
        return f"{proxy.counts.held - before} requests"

    # Streams.

    async def _fill_payments(self, fault: PlannedFault) -> str:
        """Fill PAYMENTS, never during faults of servers: it would hide for how long these hold POSTs up."""
        async with self.node_faults.alone():
            return await self._fill(fault)

    async def _fill(self, fault: PlannedFault) -> str:
        """Limit a stream to what it holds; dispatchers are frozen meanwhile, so that they take no payments out."""
        frozen = self._system.dispatchers if fault.kind is FaultKind.PAYMENTS_FULL else ()
        until_s = time.monotonic() + fault.lasts_s
        try:
            for part in frozen:
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                    self._system.signal(part, signal.SIGSTOP)
            await self._set_limit(fault.kind, to_current=True)
            while time.monotonic() < until_s:
                await asyncio.sleep(LIMIT_EVERY_S)
                with contextlib.suppress(NatsError):
                    await self._set_limit(fault.kind, to_current=True)
        finally:
            for part in frozen:
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                    self._system.signal(part, signal.SIGCONT)
            await self._restore_limit(fault.kind)
        return ""

    async def _restore_limit(self, kind: FaultKind) -> None:
        """Restore the limit; without a leader that takes a while. `end_all` does what is left."""
        for _ in range(RESTORE_TRIES_MAX):
            try:
                await self._set_limit(kind)
            except NatsError:
                await asyncio.sleep(LIMIT_EVERY_S)
            else:
                return

    async def _set_limit(self, kind: FaultKind, *, to_current: bool = False) -> None:
        """Write the limit, by default the original one; raises NatsError."""
        stream, field, held = _LIMITS[kind]
        async with self._system.connection() as connection:
            info = await jetstream_api(connection, f"STREAM.INFO.{stream}")
            original = self._limits.setdefault(field, int(info["config"][field]))
            limit = max(1, int(info["state"][held])) if to_current else original
            if int(info["config"][field]) != limit:
                await jetstream_api(connection, f"STREAM.UPDATE.{stream}", info["config"] | {field: limit})
