"""What dispatchers count and only a person can end, as long as it goes on.

Such a payment comes again: each time a count grows, and when it is done with, none does. A count alone would be a
trouble until the dispatcher's next start.
"""

from typing import Literal, get_args

from services.contracts.pulse import DispatcherPulse

Happening = Literal["unreadable", "assigned_elsewhere", "refused_in_doubt"]
HAPPENINGS: tuple[Happening, ...] = get_args(Happening)
LATELY_S = 90.0  # what is given back comes again after 60 s


class Lately:
    """When each of these was last heard to have happened."""

    def __init__(self) -> None:
        self._happened_s: dict[Happening, float] = {}

    def heard(self, before: DispatcherPulse | None, pulse: DispatcherPulse, now_s: float) -> None:
        """Take in a pulse; ``before`` is the last one of the same life. What a first one counts may be of just now."""
        for what in HAPPENINGS:
            if pulse.counts.get(what, 0) > (0 if before is None else before.counts.get(what, 0)):
                self._happened_s[what] = now_s

    def happened(self, now_s: float) -> frozenset[Happening]:
        """Return what has happened lately."""
        return frozenset(what for what, at_s in self._happened_s.items() if now_s - at_s <= LATELY_S)
