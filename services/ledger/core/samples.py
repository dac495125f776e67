"""The samples of the last day: the state of the system in each ten seconds that were sampled.

A missing sample is unknown, not zero: no ledger sampled then, or NATS did not answer.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from services.contracts.history import KEPT_S, SAMPLE_EVERY_S, VitalsSampled
from services.contracts.stamp import micros_of, stamp_from_micros

T = TypeVar("T", int, float)

SECOND_US = 1_000_000
EVERY_US = SAMPLE_EVERY_S * SECOND_US
SAMPLES_MAX = KEPT_S // SAMPLE_EVERY_S
_LOOK_EVERY = 360  # how many more than SAMPLES_MAX are kept before old ones are removed: an hour's


class Samples:
    """Samples by the end of their ten seconds; a whole day takes about 2 MB of memory."""

    def __init__(self) -> None:
        self._by_end: dict[int, VitalsSampled] = {}

    def __len__(self) -> int:
        return len(self._by_end)

    def put(self, sample: VitalsSampled) -> None:
        """Add a sample, in any order; a second one of the same seconds replaces the first."""
        self._by_end[micros_of(sample.at) // EVERY_US] = sample
        if len(self._by_end) > SAMPLES_MAX + _LOOK_EVERY:
            oldest = max(self._by_end) - SAMPLES_MAX
            self._by_end = {end: each for end, each in self._by_end.items() if end > oldest}

    def between(self, begin_us: int, end_us: int) -> list[VitalsSampled]:
        """Return the samples of a period, oldest first; its ends are in microseconds since 1970."""
        ends = range(begin_us // EVERY_US + 1, end_us // EVERY_US + 1)
        return [sample for end in ends if (sample := self._by_end.get(end)) is not None]


def sample_of(document: Mapping[str, Any], end_us: int) -> VitalsSampled:
    """Return the sample of a document of ``Vitals``; ``end_us``: its time, in microseconds since 1970."""
    payments, post = document["payments"], document["post"]
    return VitalsSampled(
        stamp_from_micros(end_us),
        payments["acceptedPerS"],
        post["p50Ms"],
        post["p99Ms"],
        payments["backlog"],
        len(document["troubles"]),
    )


def mean(samples: Sequence[VitalsSampled], value: Callable[[VitalsSampled], float | None]) -> float | None:
    """Return the mean of the known values; None if there are none."""
    known = [each for each in map(value, samples) if each is not None]
    return round(sum(known) / len(known), 2) if known else None


def largest(samples: Sequence[VitalsSampled], value: Callable[[VitalsSampled], T | None]) -> T | None:
    """Return the largest of the known values; None if there are none."""
    return max((each for each in map(value, samples) if each is not None), default=None)
