"""How long the event loop is blocked while something runs, in milliseconds: a request would wait as long."""

import asyncio
from typing import Self

LOOK_EVERY_S = 0.001


class Pauses:
    """``async with Pauses() as pauses``: the longest time between two turns of the loop in between."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._start_s = self._end_s = self._clock()
        self._longest_s = 0.0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._end_s = self._clock()
        self._task.cancel()

    def fields(self) -> dict[str, float]:
        """Return the fields for a log line."""
        took_ms, longest_ms = (self._end_s - self._start_s) * 1e3, self._longest_s * 1e3
        return {"took_ms": round(took_ms, 1), "longest_pause_ms": round(longest_ms, 2)}

    async def _watch(self) -> None:
        while True:
            before_s = self._clock()
            await asyncio.sleep(LOOK_EVERY_S)
            self._longest_s = max(self._longest_s, self._clock() - before_s - LOOK_EVERY_S)
