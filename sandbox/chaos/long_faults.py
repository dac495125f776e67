"""Does the long faults of `trials`: a processor behaves differently for a while, and what happens is recorded."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sandbox.chaos.acts import Act
from sandbox.chaos.operator import in_doubt_at, release
from sandbox.chaos.releases import Release  # noqa: TC001  # no second block of imports for one annotation
from sandbox.chaos.world import World
from sandbox.nats_wire import WireError

LOOK_EVERY_S = 0.25
# An operator comes after a while, when payments are in doubt, and leaves well before the processor is back: what was
# under way at the release has ended by then, so a second charge would be the services' fault.
RELEASE_AFTER_S = 6.0
GONE_BEFORE_S = 8.0
RELEASED_MAX = 3


class LongFaults:
    """Long faults of processors; ``releases`` are what operators did."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.releases: list[Release] = []

    async def behave(self, act: Act) -> str:
        """Let a processor behave so for a while."""
        async with self._overridden(act):
            await asyncio.sleep(act.lasts_s)
        return ""

    async def outage(self, act: Act) -> str:
        """The same; return for how long after the first hit another processor served, where payments can be settled."""
        processors, tried = self._world.processors, self._world.processors[act.target]
        served_s, begun_s, last_s = 0.0, time.monotonic(), time.monotonic()
        async with self._overridden(act):
            while (now_s := time.monotonic()) < begun_s + act.lasts_s:
                is_counted = now_s - begun_s > act.detail["hit_after_s"] and processors[act.target] is tried
                others = (each for each in processors.values() if each.name != act.target)
                served_s += (now_s - last_s) * (is_counted and any(each.takes_payments for each in others))
                last_s = now_s
                await asyncio.sleep(LOOK_EVERY_S)
        return f"{served_s:.1f}"

    async def release(self, act: Act) -> str:
        """The same, with an operator who releases some of the payments that are in doubt there."""
        begun_s, done = time.monotonic(), 0
        async with self._overridden(act):
            await asyncio.sleep(RELEASE_AFTER_S)
            end_s = begun_s + act.lasts_s - GONE_BEFORE_S
            with contextlib.suppress(WireError):  # nats is away: nothing can be released now
                async for payment_id in in_doubt_at(self._world, act.target):
                    if time.monotonic() > end_s or done == RELEASED_MAX:
                        break
                    released = await release(self._world, payment_id, act.target, act.detail["to"])
                    self.releases.append(released)
                    done += released.is_done
            await asyncio.sleep(max(0.0, begun_s + act.lasts_s - time.monotonic()))
        return f"{done} released"

    @asynccontextmanager
    async def _overridden(self, act: Act) -> AsyncGenerator[None, None]:
        processor = self._world.processors[act.target]
        processor.override(mood=act.detail.get("mood"), profile=act.detail.get("profile"))
        try:
            yield
        finally:
            processor.end_override()
