"""One life of one instance, from its start to its end, from its pulses.

A rate is the difference of two pulses divided by the time between them. After a restart an instance has another life,
which begins with its own first pulse: nothing is ever subtracted from an earlier life's count.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from services.contracts.pulse import DispatcherPulse, IngressPulse, LedgerPulse

WINDOW_S = 10.0
SILENT_AFTER_S = 3.5  # pulses come once a second; on a busy machine one or two are late
READINGS_MAX = 32  # three times what comes within the window
_APART_LEAST_S = 0.5  # two pulses closer than this give no rate

P = TypeVar("P", IngressPulse, DispatcherPulse, LedgerPulse)


class InstanceLife(Generic[P]):
    """``newest`` is the last pulse, received at ``received_s``."""

    def __init__(self, first: P, now_s: float) -> None:
        self.newest: P = first
        self.received_s = now_s
        self._readings: deque[tuple[float, P]] = deque([(now_s, first)], maxlen=READINGS_MAX)

    @property
    def started_at(self) -> datetime:
        """When the instance was started, by its own clock; another start is another life."""
        started_at: datetime = self.newest.started_at
        return started_at

    def add(self, pulse: P, now_s: float) -> None:
        """Add a pulse of the same life."""
        self.newest = pulse
        self.received_s = now_s
        self._readings.append((now_s, pulse))
        while now_s - self._readings[0][0] > WINDOW_S:
            self._readings.popleft()

    def is_up(self, now_s: float) -> bool:
        """Whether the last pulse came within SILENT_AFTER_S."""
        return now_s - self.received_s <= SILENT_AFTER_S

    def per_s(self, count: Callable[[P], int]) -> float | None:
        """Return how much a count grows per second, over the window; None with a single pulse."""
        (begin_s, begin), (end_s, end) = self._readings[0], self._readings[-1]
        if end_s - begin_s < _APART_LEAST_S:
            return None
        return (count(end) - count(begin)) / (end_s - begin_s)

    def grown(self, counts: Callable[[P], Sequence[int]]) -> list[int]:
        """Return how much each of several counts has grown within the window."""
        begin, end = counts(self._readings[0][1]), counts(self._readings[-1][1])
        return [late - early for early, late in zip(begin, end, strict=True)]


def up(lives: Iterable[InstanceLife[P]], now_s: float) -> list[InstanceLife[P]]:
    """Return those whose last pulse came within SILENT_AFTER_S."""
    return [life for life in lives if life.is_up(now_s)]


def per_s(lives: Iterable[InstanceLife[P]], count: Callable[[P], int]) -> float | None:
    """Return the sum of the known rates, None where none is known."""
    known = [rate for life in lives if (rate := life.per_s(count)) is not None]
    return round(sum(known), 2) if known else None
