"""The status of a dispatcher: computed once, and shown as the micro service's state, as a pulse and as metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.contracts.processor_entry import Pause, ProcessorGeneration
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.known_processor import KnownProcessor
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
        generations: where processors charge now, with their fees and whether they are paused.
        counts: what happened since the start, by a word.
        left_behind: payments by generations that no longer charge, to which they are assigned.
    """

    now_ms: float
    backlog: int
    in_hand: int
    oldest_wait_ms: float
    processors: Mapping[str, KnownProcessor]
    generations: Sequence[ProcessorGeneration]
    counts: Mapping[str, int]
    left_behind: Mapping[str, int]

    @property
    def paused(self) -> dict[str, Pause]:
        """The processors that an operator has paused, by name."""
        return {each.name: each.pause for each in self.generations if each.pause is not None}


def status_of(
    traffic: Traffic,
    counters: Counters,
    log_read: AssignmentLog,
    generations: Sequence[ProcessorGeneration],
    now_ms: float,
) -> Status:
    """Return the status at that moment."""
    charging = frozenset(each.generation for each in generations if each.state != "closing")
    return Status(
        now_ms=now_ms,
        backlog=traffic.backlog,
        in_hand=len(traffic.in_hand),
        oldest_wait_ms=traffic.oldest_wait_ms(now_ms),
        processors=traffic.known_processors(now_ms),
        generations=generations,
        counts=dict(counters.counts),
        left_behind=log_read.left_behind(charging),
    )
