"""Time."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clocks."""

    def now_s(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()

    def now_us(self) -> int:
        """Return microseconds since 1970."""
        return time.time_ns() // 1000

    def stamp(self) -> datetime:
        """Return the UTC time."""
        return datetime.now(UTC)
