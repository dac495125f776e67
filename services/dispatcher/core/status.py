"""The status of a dispatcher: computed once, and shown as the micro service's state, as a pulse and as metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.contracts.roster import Pause, Place
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.known_processor import KnownProcessor
from services.dispatcher.core.tally import Tally
from services.dispatcher.core.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Status:
    """One moment of a dispatcher.

    Args:
        now_ms: the moment, on the clock of the calls.
        backlog: payments in PAYMENTS that were delivered to no dispatcher yet, as far as known.
        in_hand: how many this one has in hand.
        oldest_wait_ms: the longest that one of either has waited.
        processors: by name; what is known of each.
        places: where processors charge now, with their fees and whether they are paused.
        counts: what happened since the start, by a word.
        left_behind: payments by generations that no longer charge, to which they are assigned.
    """

    now_ms: float
    backlog: int
    in_hand: int
    oldest_wait_ms: float
    processors: Mapping[str, KnownProcessor]
    places: Sequence[Place]
    counts: Mapping[str, int]
    left_behind: Mapping[str, int]

    @property
    def paused(self) -> dict[str, Pause]:
        """The processors that an operator has paused, by name."""
        return {place.name: place.pause for place in self.places if place.pause is not None}


def status_of(
    traffic: Traffic, tally: Tally, log_read: AssignmentLog, places: Sequence[Place], now_ms: float
) -> Status:
    """Return the status at that moment."""
    charging = frozenset(place.generation for place in places if place.state != "closing")
    return Status(
        now_ms=now_ms,
        backlog=traffic.backlog,
        in_hand=len(traffic.in_hand),
        oldest_wait_ms=traffic.oldest_wait_ms(now_ms),
        processors=traffic.known_processors(now_ms),
        places=places,
        counts=dict(tally.counts),
        left_behind=log_read.left_behind(charging),
    )
