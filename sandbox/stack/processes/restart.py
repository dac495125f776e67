"""What the death of a part means. A death is repaired; a part that keeps dying is a fault that a person must see."""

from collections.abc import Sequence
from dataclasses import dataclass

# Five in a minute: more often than any test kills one part on purpose, and seconds if a part cannot start at all.
DEATHS_MAX = 5
WINDOW_S = 60.0

# Long enough for the kernel to give back ports and for a reader to see the line that says why.
DELAY_S = 0.2


@dataclass(frozen=True, slots=True)
class StartAgain:
    """Start the part again at this time of the same clock."""

    at_s: float


@dataclass(frozen=True, slots=True)
class BringDown:
    """The part died too often; stop everything."""

    deaths: int


def after_death(deaths_s: Sequence[float], now_s: float) -> StartAgain | BringDown:
    """Decide about a part from the times of its deaths, the newest among them."""
    recent = sum(1 for death_s in deaths_s if now_s - death_s < WINDOW_S)
    return BringDown(recent) if recent >= DEATHS_MAX else StartAgain(now_s + DELAY_S)
