"""Carries out faults of one of three nats-servers, or more: one at a time, and only while the cluster is healthy."""

import asyncio
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from sandbox.chaos.leaders import CONSUMER, META
from sandbox.chaos.nats_servers import NatsServers
from sandbox.chaos.planned_fault import FaultKind, PlannedFault
from sandbox.chaos.unavailability import NodeFault
from sandbox.nats_connection import jetstream_api
from sandbox.stack import Stack

HEALTHY_WITHIN_S = 20.0  # before a fault; otherwise it is left out
HEALTHY_AGAIN_WITHIN_S = 90.0
_STEP_DOWN = {CONSUMER: "CONSUMER.LEADER.STEPDOWN.PAYMENTS.dispatcher"}


class ClusterUnhealthyError(Exception):
    """The cluster was not healthy in time: another fault could do more than it is meant to."""


class NodeFaults:
    """Faults of nats-servers; ``injected`` are those that were carried out."""

    def __init__(self, stack: Stack, servers: NatsServers) -> None:
        self._stack = stack
        self._servers = servers
        self._lock = asyncio.Lock()
        self.injected: list[NodeFault] = []
        self._do: dict[FaultKind, Callable[[PlannedFault, list[str]], Awaitable[None]]] = {
            FaultKind.NODE_KILL: self._keep_stopped,
            FaultKind.TWO_DOWN: self._keep_stopped,
            FaultKind.NODE_FREEZE: self._freeze,
            FaultKind.STEP_DOWN: self._step_down,
            FaultKind.CUT_OFF: self._cut_off,
            FaultKind.EMPTIED: self._empty,
            FaultKind.ALL_KILLED: self._kill,
        }

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None, None]:
        """Keep other faults of nats-servers out of the block; raises ClusterUnhealthyError if it cannot begin now."""
        async with self._lock:
            if not await self._servers.wait_until_healthy(HEALTHY_WITHIN_S):
                problems = (await self._servers.leaders()).problems
                raise ClusterUnhealthyError("; ".join(problems))
            yield

    async def carry_out(self, planned: PlannedFault) -> str:
        """Inject a fault into the leader of its target; return which servers were hit, and how long it took to recover.

        Raises:
            ClusterUnhealthyError: the fault was not injected.
            NatsError: a leader could not be asked to step down.
        """
        async with self.alone():
            first = (await self._servers.leaders()).of[planned.target]
            order = [first, *(part for part in self._servers.parts if part != first)]
            hit = order[: {FaultKind.TWO_DOWN: 2, FaultKind.ALL_KILLED: len(order)}.get(planned.kind, 1)]
            self._servers.under_fault = set(hit)
            fault = NodeFault(planned.kind, planned.target, tuple(hit), time.time())
            try:
                await self._do[planned.kind](planned, hit)
                fault.ended_s = time.time()
                self.injected.append(fault)
            finally:
                self._servers.under_fault = set()
            if await self._servers.wait_until_healthy(HEALTHY_AGAIN_WITHIN_S):
                fault.healthy_s = time.time()
        rest = (
            "not healthy since" if fault.healthy_s is None else f"healthy {fault.healthy_s - fault.ended_s:.1f} s later"
        )
        return f"{', '.join(hit)}, {rest}"

    async def end_all(self) -> None:
        """End whatever an interrupted fault has left."""
        self._stack.allow_start(*self._servers.parts)
        await self._servers.reconnect()

    async def _keep_stopped(self, planned: PlannedFault, hit: list[str]) -> None:
        if planned.lasts_s:
            try:
                await asyncio.to_thread(self._stack.keep_stopped, *hit)
                await asyncio.sleep(planned.lasts_s)
            finally:
                self._stack.allow_start(*hit)
        else:
            await self._kill(planned, hit)

    async def _kill(self, _: PlannedFault, hit: list[str]) -> None:
        for part in hit:
            self._stack.kill(part)

    async def _freeze(self, planned: PlannedFault, hit: list[str]) -> None:
        with self._stack.frozen(*hit):
            await asyncio.sleep(planned.lasts_s)

    async def _step_down(self, planned: PlannedFault, hit: list[str]) -> None:
        """Move the leadership; only the system account may ask the meta group for that, so its leader is stopped."""
        if planned.target == META:
            self._stack.kill(hit[0], signal.SIGTERM)
            return
        connection = await self._servers.connect()
        try:
            await jetstream_api(connection, _STEP_DOWN.get(planned.target, f"STREAM.LEADER.STEPDOWN.{planned.target}"))
        finally:
            await connection.close()

    async def _cut_off(self, planned: PlannedFault, hit: list[str]) -> None:
        try:
            await self._servers.cut_off(hit[0], stalls=planned.detail["stalls"])
            await asyncio.sleep(planned.lasts_s)
        finally:
            await self._servers.reconnect()

    async def _empty(self, _: PlannedFault, hit: list[str]) -> None:
        await asyncio.to_thread(self._stack.empty_store, hit[0])
