"""The machine's clocks: one monotonic, for how long something takes, and the time of day, for stamps."""

import time
from datetime import UTC, datetime


class SystemClock:
    """What every service reads the time from; tests replace it."""

    def now_s(self) -> float:
        """Return seconds of a monotonic clock, for differences only."""
        return time.monotonic()

    def now_us(self) -> int:
        """Return microseconds since 1970, UTC."""
        return time.time_ns() // 1000

    def stamp(self) -> datetime:
        """Return the UTC time, exact to the microsecond."""
        return datetime.now(UTC)
