"""Does the changes of `changes`: other settings, other addresses, other processors, and a store that goes back."""

import asyncio
import shutil
import signal
import time
from pathlib import Path

from sandbox.chaos.acts import Act
from sandbox.chaos.going_back import GoneBack
from sandbox.chaos.load import Load
from sandbox.chaos.node_faults import NodeFaults
from sandbox.chaos.operator import move
from sandbox.chaos.world import World

TRIES_MAX = 5  # of the operator's command, while nats is away


class ChangeFaults:
    """Changes; ``gone_back`` are the times between a copy of the store and its being restored."""

    def __init__(self, world: World, load: Load, nodes: NodeFaults) -> None:
        self._world = world
        self._nodes = nodes
        self._load = load
        self.gone_back: list[GoneBack] = []

    async def reconfigure(self, act: Act) -> str:
        """Run a dispatcher for a while with the fees swapped."""
        stack = self._world.stack
        stack.reconfigure(act.target, self._world.fees_reversed)
        try:
            await self._world.hit(act.target, signal.SIGTERM)
            await asyncio.sleep(act.lasts_s)
        finally:
            stack.reconfigure(act.target, self._world.settings)
        await self._world.hit(act.target, signal.SIGTERM)
        return ""

    async def move(self, act: Act) -> str:
        """Give a processor another address, run the operator's command, and a while later remove the old address."""
        processor = self._world.processors[act.target]
        proxy = await processor.another_address()
        for _ in range(TRIES_MAX):
            if await move(self._world, act.target, proxy.url):
                await asyncio.sleep(act.lasts_s)
                await processor.leave_for(proxy)
                return f"from {processor.seed_url} to {proxy.url}"
        return "the command failed: it has both addresses"

    async def replace(self, act: Act) -> str:
        """Give the name to another processor: all settings name that one, and one dispatcher reads them."""
        await self._world.replace(act.target)
        for part in self._world.dispatchers:
            self._world.stack.reconfigure(part, self._world.settings)
        await self._world.hit(act.detail["restart"], signal.SIGTERM)
        return f"by {self._world.processors[act.target].seed_url}"

    async def put_store_back(self, act: Act) -> str:
        """Copy the stores, and a while later restart the nats-servers on the copies.

        Clients that had no answer repeat their payments, including those that the copies lack.
        """
        async with self._nodes.alone():
            await self._go_back(act)
        return ""

    async def cut_power(self, act: Act) -> str:
        """Kill everything at once, and restart it on what was on disk.

        That is all that was answered before if each message was synced first, else what there was some time ago.
        """
        services = [part for part in self._world.services if part not in self._world.cluster.parts]
        async with self._nodes.alone():
            if act.lasts_s:
                await self._go_back(act, *services)
            else:
                await asyncio.to_thread(self._world.stack.cut_power, self._copies(), *services)
        return ""

    async def _go_back(self, act: Act, *killed_too: str) -> None:
        stack, copy = self._world.stack, self._copies()
        copied_s = time.time()
        await asyncio.to_thread(stack.copy_store, copy)
        await asyncio.sleep(act.lasts_s)
        with stack.frozen(*stack.nats_parts):  # what is not stored by now will not be before the copy is restored
            self._load.give_up_since(copied_s)
            await asyncio.to_thread(stack.put_store_back, copy, *killed_too)
            self._load.give_up_since(copied_s)  # and what was stored by then, but answered only meanwhile
        self.gone_back.append(GoneBack(copied_s, time.time()))

    def _copies(self) -> Path:
        copy = self._world.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        return copy
