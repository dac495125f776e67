"""Which parts may be hit now: none twice at once, and none killed more often than the supervisor accepts."""

from collections.abc import Container, Sequence
from random import Random
from typing import NamedTuple

# The supervisor gives up after five deaths of one part in a minute; some are left for unplanned deaths.
DEATHS_MAX = 3
WINDOW_S = 60.0
# How long a part is not hit again after its last fault: until it should serve again.
REST_S = 3.0


class _Hit(NamedTuple):
    from_s: float
    until_s: float
    dies: bool


class HitSchedule:
    """The parts and their planned hits, which may be added in any order.

    Args:
        parts: all that can be hit.
        longest_s: the longest hit, so that an earlier one is over when the next one comes.
    """

    def __init__(self, parts: Sequence[str], longest_s: float) -> None:
        self._hits: dict[str, list[_Hit]] = {part: [] for part in parts}
        self._before_s = longest_s + REST_S

    def choose(self, dice: Random, at_s: float, *, deaths: int, among: Container[str] | None = None) -> str | None:
        """Return a part that may be hit at that time, and die so often around it; None if there is none."""
        possible = [
            part
            for part in self._hits
            if (among is None or part in among) and self._is_free(part, at_s) and self._may_die(part, at_s, deaths)
        ]
        return dice.choice(possible) if possible else None

    def add(self, part: str, at_s: float, lasts_s: float = 0.0, *, dies: bool) -> None:
        """Record a planned hit."""
        self._hits[part].append(_Hit(at_s, at_s + lasts_s, dies))

    def _is_free(self, part: str, at_s: float) -> bool:
        return not any(hit.from_s - self._before_s < at_s < hit.until_s + REST_S for hit in self._hits[part])

    def _may_die(self, part: str, at_s: float, deaths: int) -> bool:
        # A death happens a little after it was planned: this window is wider than the supervisor's.
        near = [hit for hit in self._hits[part] if hit.dies and abs(at_s - hit.from_s) < WINDOW_S + REST_S]
        return not deaths or len(near) + deaths <= DEATHS_MAX
