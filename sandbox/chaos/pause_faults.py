"""The pauses of `trials`: payments are in doubt at a processor, an operator pauses it and later resumes it."""

import asyncio
import contextlib
import time

from sandbox.chaos.acts import Act
from sandbox.chaos.operator import in_doubt_at, pause, resume, until_all_know
from sandbox.chaos.pauses import Pause
from sandbox.chaos.world import World
from sandbox.nats_wire import WireError

IN_DOUBT_AFTER_S = 3.0  # by then the first calls to a hanging processor have timed out
WELL_AFTER_S = 8.0  # after the hit, which comes 3 to 7 s after the start
LOOK_EVERY_S = 0.25
AGAIN_AFTER_S = 1.0
RESUMED_WITHIN_S = 60.0


class PauseFaults:
    """Pauses processors; ``pauses`` are those that every dispatcher knew of."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.pauses: list[Pause] = []

    async def pause(self, act: Act) -> str:
        """Bring payments in doubt at a processor, pause it, let it work again, and resume it."""
        name, end_s = act.target, time.monotonic() + act.lasts_s
        processor = self._world.processors[name]
        processor.override(mood=act.detail.get("mood"), profile=None)
        try:
            await asyncio.sleep(IN_DOUBT_AFTER_S)
            known_s = await self._begin(name, act.detail["by"], end_s)
            held = await self._held(name) if known_s else frozenset()
            await asyncio.sleep(max(0.0, end_s - act.lasts_s + WELL_AFTER_S - time.monotonic()))
        finally:
            processor.end_override()
        well_s, served = time.time(), True
        while time.monotonic() < end_s:
            await asyncio.sleep(LOOK_EVERY_S)
            served = served and (processor.takes_payments or not processor.is_as_wanted)
            served = served and self._world.processors[name] is processor
        if known_s:
            self.pauses.append(Pause(name, known_s, well_s, time.time(), held, served))
        await self.resume(name, act.detail["by"])
        return f"{len(held)} in doubt" if known_s else "not known to every dispatcher"

    async def resume(self, name: str, by: str = "command") -> None:
        """Resume a processor, retrying until it succeeds.

        Raises:
            WireError: it could not be within RESUMED_WITHIN_S.
        """
        until_s = time.monotonic() + RESUMED_WITHIN_S
        while not await resume(self._world, name, by):
            if time.monotonic() > until_s:
                raise WireError(f"{name} could not be resumed")
            await asyncio.sleep(AGAIN_AFTER_S)
        self._world.paused.discard(name)

    async def _begin(self, name: str, by: str, end_s: float) -> float:
        """Pause it; return when every dispatcher knew, in seconds since 1970, or 0 if they did not all know in time."""
        self._world.paused.add(name)
        while time.monotonic() < end_s:
            with contextlib.suppress(WireError):
                if await pause(self._world, name, by) and await until_all_know(self._world, name, end_s):
                    return time.time()
            await asyncio.sleep(AGAIN_AFTER_S)
        return 0.0

    async def _held(self, name: str) -> frozenset[str]:
        held = set()
        with contextlib.suppress(WireError):  # nats is away: those found so far count
            async for payment_id in in_doubt_at(self._world, name):
                held.add(payment_id)
        return frozenset(held)
