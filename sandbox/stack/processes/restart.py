"""What to do after a part has died. A death is repaired; a part that keeps dying needs a person."""

from collections.abc import Sequence
from dataclasses import dataclass

# Five in a minute: more often than any test kills one part on purpose, and within seconds for one that cannot start.
DEATHS_MAX = 5
WINDOW_S = 60.0

# Long enough for the kernel to release ports, and for a reader to see why it died.
DELAY_S = 0.2


@dataclass(frozen=True, slots=True)
class StartAgain:
    """Start the part again at this time, of the same clock."""

    at_s: float


@dataclass(frozen=True, slots=True)
class StopEverything:
    """The part died too often; stop everything."""

    deaths: int


def after_death(deaths_s: Sequence[float], now_s: float) -> StartAgain | StopEverything:
    """Return what to do about a part, from the times of its deaths including the newest."""
    recent = sum(1 for death_s in deaths_s if now_s - death_s < WINDOW_S)
    return StopEverything(recent) if recent >= DEATHS_MAX else StartAgain(now_s + DELAY_S)
