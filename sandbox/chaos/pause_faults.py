"""Carries out the pauses of `long_fault_plan`: payments are in doubt at a processor, which is paused, later resumed."""

import asyncio
import contextlib
import time

from sandbox.chaos.operator_commands import in_doubt_at, pause, resume, wait_until_all_paused
from sandbox.chaos.pauses import ProcessorPause
from sandbox.chaos.planned_fault import PlannedFault
from sandbox.chaos.system_under_test import SystemUnderTest
from sandbox.nats_connection import NatsError

IN_DOUBT_AFTER_S = 3.0  # by then the first calls to a hanging processor have timed out
HEALTHY_AFTER_S = 8.0  # after the hit, which comes 3 to 7 s after the start
SAMPLE_EVERY_S = 0.25
AGAIN_AFTER_S = 1.0
RESUMED_WITHIN_S = 60.0


class PauseFaults:
    """Pauses processors; ``pauses`` are those that every dispatcher knew of."""

    def __init__(self, system: SystemUnderTest) -> None:
        self._system = system
        self.pauses: list[ProcessorPause] = []

    async def pause(self, fault: PlannedFault) -> str:
        """Let a processor misbehave, pause it while payments are in doubt there, let it work again, then resume it.

        Returns a text with how many were in doubt.
        """
        name, end_s = fault.target, time.monotonic() + fault.lasts_s
        processor = self._system.processors[name]
        processor.override(fault_mix=fault.detail.get("fault_mix"), profile=None)
        try:
            await asyncio.sleep(IN_DOUBT_AFTER_S)
            known_s = await self._pause_known_by_all(name, fault.detail["by"], end_s)
            held = await self._in_doubt(name) if known_s else frozenset()
            await asyncio.sleep(max(0.0, end_s - fault.lasts_s + HEALTHY_AFTER_S - time.monotonic()))
        finally:
            processor.end_override()
        healthy_s, served = time.time(), True
        while time.monotonic() < end_s:
            await asyncio.sleep(SAMPLE_EVERY_S)
            served = served and (processor.takes_payments or not processor.is_configured)
            served = served and self._system.processors[name] is processor
        if known_s:
            self.pauses.append(ProcessorPause(name, known_s, healthy_s, time.time(), held, served))
        await self.resume(name, fault.detail["by"])
        return f"{len(held)} in doubt" if known_s else "not known to every dispatcher"

    async def resume(self, name: str, by: str = "command") -> None:
        """Resume a processor, retrying until it succeeds.

        Raises:
            NatsError: it could not be within RESUMED_WITHIN_S.
        """
        until_s = time.monotonic() + RESUMED_WITHIN_S
        while not await resume(self._system, name, by):
            if time.monotonic() > until_s:
                raise NatsError(f"{name} could not be resumed")
            await asyncio.sleep(AGAIN_AFTER_S)
        self._system.paused.discard(name)

    async def _pause_known_by_all(self, name: str, by: str, end_s: float) -> float:
        """Pause it; return when every dispatcher knew, in seconds since 1970, or 0 if they did not all know in time."""
        self._system.paused.add(name)
        while time.monotonic() < end_s:
            with contextlib.suppress(NatsError):
                if await pause(self._system, name, by) and await wait_until_all_paused(self._system, name, end_s):
                    return time.time()
            await asyncio.sleep(AGAIN_AFTER_S)
        return 0.0

    async def _in_doubt(self, name: str) -> frozenset[str]:
        held = set()
        with contextlib.suppress(NatsError):  # nats is away: those found so far count
            async for payment_id in in_doubt_at(self._system, name):
                held.add(payment_id)
        return frozenset(held)
