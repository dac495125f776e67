"""The route of one payment, now: the cheapest processor that serves, or a more expensive one for what would wait long.

| the cheapest processor | a payment |
|---|---|
| serves, a slot is free | goes there |
| serves, no slot is free, the queue takes at most SPILL_AFTER_S | waits for it |
| serves, no slot is free, the queue takes longer | is surplus: the same question for the next more expensive one |
| fails, or is slow while another serves quickly; its canary is due | goes there, as the canary |
| fails, the payment is younger than SETTLE_WITHIN_S | waits for it |
| fails, older; or is slow while another serves quickly | the same question for the next more expensive one |

Past its deadline a payment follows the same rules. Pure: candidates, age and queue in, a decision out.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide: milliseconds of a payment's age, of the queue's length, of a call; calls a second."""

    settle_within_ms: float
    spill_after_ms: float
    slow_call_ms: float
    calls_per_s_max: int
    in_flight_max: int


@dataclass(slots=True)
class Candidate:
    """One processor, for the router; ``free`` slots decrease as payments are sent."""

    name: str
    serves: bool
    slow: bool
    free: int
    canary_due: bool
    per_s: float


@dataclass(frozen=True, slots=True)
class SendTo:
    """Send it there now; ``canary``: to find out whether that processor serves again."""

    processor: str
    canary: bool = False


def is_open(candidate: Candidate, candidates: Sequence[Candidate]) -> bool:
    """Return whether payments go there without restriction: it serves, and quickly unless none serves quickly."""
    return candidate.serves and (not candidate.slow or not any(other.serves and not other.slow for other in candidates))


def carried(candidate: Candidate, rules: Rules) -> int:
    """Return how long a queue the processor finishes within SPILL_AFTER_S."""
    return int(rules.spill_after_ms * candidate.per_s / 1000)


def carries(candidate: Candidate, queue: int, rules: Rules) -> bool:
    """Return whether it finishes the queue in that time; where our own pace is the bottleneck, none is faster."""
    return candidate.per_s >= rules.calls_per_s_max or queue <= carried(candidate, rules)


def route(candidates: Sequence[Candidate], age_ms: float, queue: int, rules: Rules) -> SendTo | None:
    """Return where a payment of that age goes; None: it waits.

    Args:
        candidates: the processors, cheapest first.
        age_ms: of the payment.
        queue: how many wait, here and in NATS.
        rules: the settings.
    """
    for candidate in candidates:
        if is_open(candidate, candidates):
            if candidate.free > 0:
                return SendTo(candidate.name)
            if carries(candidate, queue, rules):
                return None
        elif candidate.canary_due:
            return SendTo(candidate.name, canary=True)
        elif not candidate.serves and age_ms < rules.settle_within_ms:
            return None
    return None


def sendable(candidates: Sequence[Candidate], head_age_ms: float, queue: int, rules: Rules) -> int:
    """Return how many payments of the queue could be sent now, by the same table."""
    count, most = 0, sum(max(0, candidate.free) + 1 for candidate in candidates)
    for candidate in candidates:
        if is_open(candidate, candidates):
            count = min(count + max(0, candidate.free), most)
            if carries(candidate, queue - count, rules):
                return count
            most = min(most, queue - carried(candidate, rules))  # no more than this is surplus
        else:
            count = min(count + candidate.canary_due, most)
            if not candidate.serves and head_age_ms < rules.settle_within_ms:
                return count
    return count
