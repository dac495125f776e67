"""By how much the event loop is late while something runs: a request would wait as long."""

import asyncio
from typing import Self

SAMPLE_EVERY_S = 0.001


class LoopLag:
    """``async with LoopLag() as lag`` measures the longest lag inside the block."""

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
        """Return ``took_ms`` and ``longest_pause_ms`` for a log line; call it after the block."""
        took_ms, longest_ms = (self._end_s - self._start_s) * 1e3, self._longest_s * 1e3
        return {"took_ms": round(took_ms, 1), "longest_pause_ms": round(longest_ms, 2)}

    async def _watch(self) -> None:
        while True:
            before_s = self._clock()
            await asyncio.sleep(SAMPLE_EVERY_S)
            self._longest_s = max(self._longest_s, self._clock() - before_s - SAMPLE_EVERY_S)
