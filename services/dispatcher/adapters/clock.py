"""Time as the dispatcher counts it, and random numbers."""

import asyncio
import random
from datetime import datetime, timedelta

from services.clock import SystemClock
from services.contracts.stamp import stamp_from_ms


class DispatcherClock(SystemClock):
    """The machine's clocks in milliseconds, the precision of a payment's stamp at a processor."""

    def now_ms(self) -> float:
        """Return milliseconds of a monotonic clock."""
        return self.now_s() * 1000

    def stamp(self) -> datetime:
        """Return the UTC time in whole milliseconds, as processors get it."""
        return stamp_from_ms(self.now_us() // 1000)

    def stamp_of(self, ms: float) -> datetime:
        """Return the UTC time of a moment on the monotonic clock."""
        return self.stamp() - timedelta(milliseconds=round(self.now_ms() - ms))

    def jitter(self) -> float:
        """Return a random number from 0 to 1."""
        return random.random()  # noqa: S311  # spreads retries; no secret depends on it

    def span_id(self) -> str:
        """Return a new random id of a span, 16 hexadecimal digits and never only zeros."""
        return f"{random.getrandbits(64) or 1:016x}"  # must be unique, but may be guessable

    async def sleep_ms(self, ms: float) -> None:
        """Wait that many milliseconds."""
        await asyncio.sleep(ms / 1000)
