"""Recent events that dispatchers count and that only a person can end.

Such a payment is redelivered: each time its count grows, until it is dealt with. The count alone would stay a problem
until the dispatcher's next start.
"""

from typing import Literal, get_args

from services.contracts.pulse import DispatcherPulse

Happening = Literal["unreadable", "assigned_elsewhere", "refused_in_doubt"]
HAPPENINGS: tuple[Happening, ...] = get_args(Happening)
RECENT_S = 90.0  # what is given back is redelivered after 60 s


class RecentEvents:
    """When each of HAPPENINGS last happened at any dispatcher."""

    def __init__(self) -> None:
        self._happened_s: dict[Happening, float] = {}

    def add_pulse(self, before: DispatcherPulse | None, pulse: DispatcherPulse, now_s: float) -> None:
        """Add a pulse; ``before`` is the last one of the same life. The counts of a first pulse may be recent."""
        for what in HAPPENINGS:
            if pulse.counts.get(what, 0) > (0 if before is None else before.counts.get(what, 0)):
                self._happened_s[what] = now_s

    def recent(self, now_s: float) -> frozenset[Happening]:
        """Return what has happened within RECENT_S."""
        return frozenset(what for what, at_s in self._happened_s.items() if now_s - at_s <= RECENT_S)
