"""Time."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clocks."""

    def now_s(self) -> float:
        """Return seconds of a monotonic clock."""
        return time.monotonic()

    def stamp(self) -> datetime:
        """Return the UTC time."""
        return datetime.now(UTC)
