"""Does faults of one of three nats-servers, or of more: one fault at a time, and only while the cluster is whole."""

import asyncio
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from sandbox.chaos.acts import Act, Kind
from sandbox.chaos.cluster import Cluster
from sandbox.chaos.leaders import CONSUMER, META
from sandbox.chaos.unavailable import NodeFault
from sandbox.nats_wire import api
from sandbox.stack import Stack

WHOLE_WITHIN_S = 20.0  # before a fault; otherwise it is left out
WHOLE_AGAIN_WITHIN_S = 90.0
_STEP_DOWN = {CONSUMER: "CONSUMER.LEADER.STEPDOWN.PAYMENTS.dispatcher"}


class NotWholeError(Exception):
    """The cluster was not whole in time: another fault could do more than it is meant to."""


class NodeFaults:
    """Faults of nats-servers; ``done`` are those that were carried out."""

    def __init__(self, stack: Stack, cluster: Cluster) -> None:
        self._stack = stack
        self._cluster = cluster
        self._one = asyncio.Lock()
        self.done: list[NodeFault] = []
        self._do: dict[Kind, Callable[[Act, list[str]], Awaitable[None]]] = {
            Kind.NODE_KILL: self._keep_stopped,
            Kind.TWO_DOWN: self._keep_stopped,
            Kind.NODE_FREEZE: self._freeze,
            Kind.STEP_DOWN: self._step_down,
            Kind.CUT_OFF: self._cut_off,
            Kind.EMPTIED: self._empty,
            Kind.ALL_KILLED: self._kill,
        }

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None, None]:
        """Keep other faults of nats-servers out of the block; raises NotWholeError if the cluster is not whole now."""
        async with self._one:
            if not await self._cluster.until_whole(WHOLE_WITHIN_S):
                lacks = (await self._cluster.leaders()).lacks
                raise NotWholeError("; ".join(lacks))
            yield

    async def carry_out(self, act: Act) -> str:
        """Do a fault to the leader of its target; return which servers were hit, and when the cluster was whole again.

        Raises:
            NotWholeError: it was not done.
            WireError: a leader could not be asked to step down.
        """
        async with self.alone():
            first = (await self._cluster.leaders()).of[act.target]
            order = [first, *(part for part in self._cluster.parts if part != first)]
            hit = order[: {Kind.TWO_DOWN: 2, Kind.ALL_KILLED: len(order)}.get(act.kind, 1)]
            self._cluster.unwell = set(hit)
            fault = NodeFault(act.kind, act.target, tuple(hit), time.time())
            try:
                await self._do[act.kind](act, hit)
                fault.ended_s = time.time()
                self.done.append(fault)
            finally:
                self._cluster.unwell = set()
            if await self._cluster.until_whole(WHOLE_AGAIN_WITHIN_S):
                fault.whole_s = time.time()
        rest = "not whole since" if fault.whole_s is None else f"whole {fault.whole_s - fault.ended_s:.1f} s later"
        return f"{', '.join(hit)}, {rest}"

    async def calm(self) -> None:
        """End whatever an interrupted fault has left."""
        self._stack.allow_start(*self._cluster.parts)
        await self._cluster.join()

    async def _keep_stopped(self, act: Act, hit: list[str]) -> None:
        if act.lasts_s:
            try:
                await asyncio.to_thread(self._stack.keep_stopped, *hit)
                await asyncio.sleep(act.lasts_s)
            finally:
                self._stack.allow_start(*hit)
        else:
            await self._kill(act, hit)

    async def _kill(self, _: Act, hit: list[str]) -> None:
        for part in hit:
            self._stack.kill(part)

    async def _freeze(self, act: Act, hit: list[str]) -> None:
        with self._stack.frozen(*hit):
            await asyncio.sleep(act.lasts_s)

    async def _step_down(self, act: Act, hit: list[str]) -> None:
        """Move the leadership; only the system account may ask the meta group for that, so its leader is stopped."""
        if act.target == META:
            self._stack.kill(hit[0], signal.SIGTERM)
            return
        wire = await self._cluster.connect()
        try:
            await api(wire, _STEP_DOWN.get(act.target, f"STREAM.LEADER.STEPDOWN.{act.target}"))
        finally:
            await wire.close()

    async def _cut_off(self, act: Act, hit: list[str]) -> None:
        try:
            await self._cluster.cut_off(hit[0], stalls=act.detail["stalls"])
            await asyncio.sleep(act.lasts_s)
        finally:
            await self._cluster.join()

    async def _empty(self, _: Act, hit: list[str]) -> None:
        await asyncio.to_thread(self._stack.empty_store, hit[0])
