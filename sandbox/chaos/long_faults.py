"""Carries out the long faults of `long_fault_plan`: a processor behaves differently for a while."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sandbox.chaos.operator_commands import in_doubt_at, release
from sandbox.chaos.planned_fault import PlannedFault
from sandbox.chaos.releases import Release  # noqa: TC001  # no second block of imports for one annotation
from sandbox.chaos.system_under_test import SystemUnderTest
from sandbox.nats_connection import NatsError

SAMPLE_EVERY_S = 0.25
# An operator comes when payments are in doubt, and stops some time before the processor is back: what was
# under way at the release has ended by then, so a second charge would be the services' fault.
RELEASE_AFTER_S = 6.0
STOPS_BEFORE_END_S = 8.0
RELEASES_MAX = 3


class LongFaults:
    """Long faults of processors; ``releases`` are the runs of the release command."""

    def __init__(self, system: SystemUnderTest) -> None:
        self._system = system
        self.releases: list[Release] = []

    async def behave(self, fault: PlannedFault) -> str:
        """Let a processor behave as the fault's detail says, until the fault is over."""
        async with self._overridden(fault):
            await asyncio.sleep(fault.lasts_s)
        return ""

    async def outage(self, fault: PlannedFault) -> str:
        """Do the same; return for how long after the first hit another processor served, in seconds as text."""
        processors, target = self._system.processors, self._system.processors[fault.target]
        served_s, begun_s, last_s = 0.0, time.monotonic(), time.monotonic()
        async with self._overridden(fault):
            while (now_s := time.monotonic()) < begun_s + fault.lasts_s:
                is_counted = now_s - begun_s > fault.detail["hit_after_s"] and processors[fault.target] is target
                others = (each for each in processors.values() if each.name != fault.target)
                served_s += (now_s - last_s) * (is_counted and any(each.takes_payments for each in others))
                last_s = now_s
                await asyncio.sleep(SAMPLE_EVERY_S)
        return f"{served_s:.1f}"

    async def release(self, fault: PlannedFault) -> str:
        """Do the same, with an operator who releases some of the payments that are in doubt there."""
        begun_s, done = time.monotonic(), 0
        async with self._overridden(fault):
            await asyncio.sleep(RELEASE_AFTER_S)
            end_s = begun_s + fault.lasts_s - STOPS_BEFORE_END_S
            with contextlib.suppress(NatsError):  # nats is away: nothing can be released now
                async for payment_id in in_doubt_at(self._system, fault.target):
                    if time.monotonic() > end_s or done == RELEASES_MAX:
                        break
                    released = await release(self._system, payment_id, fault.target, fault.detail["to"])
                    self.releases.append(released)
                    done += released.is_done
            await asyncio.sleep(max(0.0, begun_s + fault.lasts_s - time.monotonic()))
        return f"{done} released"

    @asynccontextmanager
    async def _overridden(self, fault: PlannedFault) -> AsyncGenerator[None, None]:
        processor = self._system.processors[fault.target]
        processor.override(fault_mix=fault.detail.get("fault_mix"), profile=fault.detail.get("profile"))
        try:
            yield
        finally:
            processor.end_override()
