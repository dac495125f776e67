"""The nats-servers of a run: one, or three that reach each other through proxies."""

import asyncio
import itertools
import time
from collections import deque
from typing import Any

import httpx

from sandbox.chaos.leaders import Leaders, leaders
from sandbox.chaos.proxy import FaultProxy
from sandbox.nats_connection import NatsConnection, NatsError
from sandbox.stack import Stack
from sandbox.stack.plan.ports import HOST

MONITOR_TIMEOUT_S = 1.0
SAMPLE_EVERY_S = 0.3
# Under load a replica is sometimes behind by what is on its way to it; one that is behind each time really is behind.
SAMPLES = 4


class NatsServers:
    """The servers; ``under_fault`` are those that are hit now, and tried last."""

    def __init__(self, stack: Stack, http: httpx.AsyncClient) -> None:
        self.parts = stack.nats_parts
        self.under_fault: set[str] = set()
        self._stack = stack
        self._http = http
        route = dict(zip(self.parts, itertools.count(stack.ports.get("route", 0)), strict=False))
        self._proxies = {pair: FaultProxy(route[pair[1]]) for pair in itertools.permutations(self.parts, 2)}
        stack.route_proxies = [proxy.port for proxy in self._proxies.values()]

    def port(self, part: str) -> int:
        """Return a server's port for clients."""
        return self._stack.ports["nats"] + self.parts.index(part)

    def healthy_first(self) -> list[str]:
        """Return all servers, those that are hit now last."""
        return sorted(self.parts, key=lambda part: part in self.under_fault)

    async def start(self) -> None:
        """Start the proxies, before the servers start."""
        for proxy in self._proxies.values():
            await proxy.start()

    async def close(self) -> None:
        """Close the proxies."""
        for proxy in self._proxies.values():
            await proxy.close()

    async def connect(self) -> NatsConnection:
        """Return a connection to a server that accepts one; raises NatsError if none does."""
        for part in (order := self.healthy_first()):
            try:
                return await NatsConnection.connect(HOST, self.port(part), self._stack.bus_credentials)
            except NatsError:
                if part == order[-1]:
                    raise
        raise NatsError("there is no server")

    async def cut_off(self, part: str, *, stalls: bool) -> None:
        """Cut a server off from the others: its connections are broken and refused, or stall."""
        for pair, proxy in self._proxies.items():
            if part in pair and stalls:
                await proxy.stall()
            elif part in pair:
                await proxy.refuse()
                await proxy.reset()

    async def reconnect(self) -> None:
        """Let all servers reach each other again."""
        for proxy in self._proxies.values():
            await proxy.pass_through()

    async def leaders(self) -> Leaders:
        """Return who leads what, and what is missing."""
        documents = await asyncio.gather(*(self._jsz(part) for part in self.parts))
        return leaders(dict(zip(self.parts, documents, strict=True)))

    async def wait_until_healthy(self, within_s: float) -> bool:
        """Wait until a server may fail without harm: all answer, no replica is behind; return whether that is so."""
        if len(self.parts) == 1:
            return True
        samples: deque[frozenset[str]] = deque(maxlen=SAMPLES)
        deadline_s = time.monotonic() + within_s
        while len(samples) < SAMPLES or frozenset.intersection(*samples):
            if time.monotonic() > deadline_s:
                return False
            samples.append(frozenset((await self.leaders()).problems))
            await asyncio.sleep(SAMPLE_EVERY_S)
        return True

    async def _jsz(self, part: str) -> dict[str, Any] | None:
        port = self._stack.ports["monitor"] + self.parts.index(part)
        try:
            answer = await self._http.get(
                f"http://{HOST}:{port}/jsz", params={"streams": 1, "consumers": 1}, timeout=MONITOR_TIMEOUT_S
            )
            document: dict[str, Any] = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            return None
        return document
