"""Carries out what `change_plan` planned: other settings, addresses and processors, and stores restored from copies."""

import asyncio
import shutil
import signal
import time
from pathlib import Path

from sandbox.chaos.load import Load
from sandbox.chaos.node_faults import NodeFaults
from sandbox.chaos.operator_commands import move
from sandbox.chaos.planned_fault import PlannedFault
from sandbox.chaos.restored_store import StoreRestore
from sandbox.chaos.system_under_test import SystemUnderTest

TRIES_MAX = 5  # of the operator's command, while nats is away


class ChangeFaults:
    """Carries out changes; ``store_restores`` are the restored stores, each with the time of its copy."""

    def __init__(self, system: SystemUnderTest, load: Load, node_faults: NodeFaults) -> None:
        self._system = system
        self._node_faults = node_faults
        self._load = load
        self.store_restores: list[StoreRestore] = []

    async def reconfigure(self, fault: PlannedFault) -> str:
        """Run a dispatcher for a while with the fees swapped."""
        stack = self._system.stack
        stack.reconfigure(fault.target, self._system.fees_reversed)
        try:
            await self._system.hit(fault.target, signal.SIGTERM)
            await asyncio.sleep(fault.lasts_s)
        finally:
            stack.reconfigure(fault.target, self._system.settings)
        await self._system.hit(fault.target, signal.SIGTERM)
        return ""

    async def move(self, fault: PlannedFault) -> str:
        """Give a processor another address, run the operator's command, and a while later remove the old address."""
        processor = self._system.processors[fault.target]
        proxy = await processor.add_address()
        for _ in range(TRIES_MAX):
            if await move(self._system, fault.target, proxy.url):
                await asyncio.sleep(fault.lasts_s)
                await processor.move_to(proxy)
                return f"from {processor.seed_url} to {proxy.url}"
        return "the command failed: it has both addresses"

    async def replace(self, fault: PlannedFault) -> str:
        """Give the name to another processor: all settings name that one, and one dispatcher is restarted with them."""
        await self._system.replace(fault.target)
        for part in self._system.dispatchers:
            self._system.stack.reconfigure(part, self._system.settings)
        await self._system.hit(fault.detail["restart"], signal.SIGTERM)
        return f"by {self._system.processors[fault.target].seed_url}"

    async def restore_store(self, fault: PlannedFault) -> str:
        """Copy the stores, and a while later restart the nats-servers on the copies.

        Clients that had no answer repeat their payments, including those that the copies lack.
        """
        async with self._node_faults.alone():
            await self._restore_old_store(fault)
        return ""

    async def cut_power(self, fault: PlannedFault) -> str:
        """Kill everything at once, and restart it on what was on disk.

        That is all that was answered before if each message was synced first, else what there was some time ago.
        """
        services = [part for part in self._system.services if part not in self._system.nats_servers.parts]
        async with self._node_faults.alone():
            if fault.lasts_s:
                await self._restore_old_store(fault, *services)
            else:
                await asyncio.to_thread(self._system.stack.cut_power, self._empty_copy_folder(), *services)
        return ""

    async def _restore_old_store(self, fault: PlannedFault, *killed_too: str) -> None:
        stack, copy = self._system.stack, self._empty_copy_folder()
        copied_s = time.time()
        await asyncio.to_thread(stack.copy_store, copy)
        await asyncio.sleep(fault.lasts_s)
        with stack.frozen(*stack.nats_parts):  # what is not stored by now will not be before the copy is restored
            self._load.give_up_since(copied_s)
            await asyncio.to_thread(stack.restore_store, copy, *killed_too)
            self._load.give_up_since(copied_s)  # and what was stored by then, but answered only meanwhile
        self.store_restores.append(StoreRestore(copied_s, time.time()))

    def _empty_copy_folder(self) -> Path:
        copy = self._system.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        return copy
