"""Who may be hit now: nobody twice at once, and nobody killed more often than the supervisor bears."""

from collections.abc import Container, Sequence
from random import Random
from typing import NamedTuple

# The supervisor gives up after five deaths of one part in a minute; some must be left for deaths that nobody planned.
DEATHS_MAX = 3
WINDOW_S = 60.0
# How long a part is left alone after its last fault: until it may be expected to serve again.
REST_S = 3.0


class _Hit(NamedTuple):
    from_s: float
    until_s: float
    dies: bool


class Victims:
    """The parts, and what befalls them, in whatever order it is planned.

    Args:
        parts: all that can be hit.
        longest_s: no hit lasts longer, so that one planned so long before another is over when that one comes.
    """

    def __init__(self, parts: Sequence[str], longest_s: float) -> None:
        self._hits: dict[str, list[_Hit]] = {part: [] for part in parts}
        self._before_s = longest_s + REST_S

    def choose(self, dice: Random, at_s: float, *, deaths: int, among: Container[str] | None = None) -> str | None:
        """Return a part that may be hit at that time, and die so often near it; None if there is none."""
        possible = [
            part
            for part in self._hits
            if (among is None or part in among) and self._is_free(part, at_s) and self._may_die(part, at_s, deaths)
        ]
        return dice.choice(possible) if possible else None

    def take(self, part: str, at_s: float, lasts_s: float = 0.0, *, dies: bool) -> None:
        """Note a hit."""
        self._hits[part].append(_Hit(at_s, at_s + lasts_s, dies))

    def _is_free(self, part: str, at_s: float) -> bool:
        return not any(hit.from_s - self._before_s < at_s < hit.until_s + REST_S for hit in self._hits[part])

    def _may_die(self, part: str, at_s: float, deaths: int) -> bool:
        # A death happens a little after it was planned: the window is taken wider than the supervisor's.
        near = [hit for hit in self._hits[part] if hit.dies and abs(at_s - hit.from_s) < WINDOW_S + REST_S]
        return not deaths or len(near) + deaths <= DEATHS_MAX
