"""How long things took, in buckets: cheap to count, exact to add up over instances, near enough for a p99. Pure.

Counts only grow. Who wants the last seconds takes the difference of two readings.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

# Upper bounds in ms, each included. Fine where a payment's answer lies (1 to 20 ms), coarse where it is late anyway.
BOUNDS_MS = (
    *(0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5, 10.0, 12.5, 15.0, 20.0, 30.0, 50.0, 75.0),
    *(100.0, 150.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 30_000.0, 60_000.0),
)


class Durations:
    """``counts`` has one number per bound, and one more for what took longer than the last."""

    __slots__ = ("counts", "sum_ms")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_MS) + 1)
        self.sum_ms = 0.0

    def add(self, took_ms: float) -> None:
        """Count one that took so many milliseconds."""
        self.counts[bisect_left(BOUNDS_MS, took_ms)] += 1
        self.sum_ms += took_ms


def quantile_ms(counts: Sequence[int], share: float) -> float | None:
    """Return the time within which a share (0 to 1) of what was counted took, None where nothing was.

    Within a bucket the times are taken to lie evenly; beyond the last bound its value is all that is known.
    """
    total = sum(counts)
    if total == 0:
        return None
    rank = share * total
    at = next(index for index, reached in enumerate(accumulate(counts)) if reached >= rank and reached > 0)
    if at == len(BOUNDS_MS):
        return BOUNDS_MS[-1]
    low = BOUNDS_MS[at - 1] if at else 0.0
    before = sum(counts[:at])
    return low + (BOUNDS_MS[at] - low) * max(0.0, rank - before) / counts[at]
