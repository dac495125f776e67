"""Plans the long faults, each of which tests one question: do the others continue, and is all correct afterwards? Pure.

Those of processors follow each other, one at a time: while one processor has one, the other is expected to settle.
Every kind comes once before any comes again, so that even a short run has several kinds.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from sandbox.chaos.fault_mix import happens
from sandbox.chaos.hit_schedule import HitSchedule
from sandbox.chaos.planned_fault import FaultGroup, FaultKind, PlanInputs, PlannedFault

FIRST_S = (4.0, 9.0)
BETWEEN_S = (4.0, 10.0)
CHEAPEST_SHARE = 0.85  # most depends on the first processor, and while it serves the other has nothing to do
OUTAGE_S = (20.0, 30.0)
HIT_AFTER_S = (3.0, 7.0)
HIT_AGAIN_SHARE = 0.5
HIT_AGAIN_AFTER_S = (12.0, 16.0)
KILLED_SHARE = 0.7  # the share of hits that kill; the others restart
SLOWER_S = (8.0, 14.0)
SLOWER_THAN_TIMEOUT = 1.2
REFUSAL_S = (8.0, 14.0)
RELEASE_S = (18.0, 24.0)
PAUSE_S = (22.0, 28.0)
CLOCKS_S = (6.0, 12.0)
CLOCKS_EVERY_S = (15.0, 30.0)
SKEW_S = (60.0, -3600.0)  # ahead, or behind as with a wrong time zone
SKEWED_PER_S = 4

_Details = Callable[[Random, PlanInputs], Mapping[str, Any]]


def of_processors(
    dice: Random, inputs: PlanInputs, groups: frozenset[FaultGroup], schedule: HitSchedule
) -> Iterator[PlannedFault]:
    """Yield one long fault of a processor after the other, and with each outage the hits during it."""
    wanted = [group for group in _LONG_FAULTS if group in groups]
    left: list[FaultGroup] = []
    at_s = dice.uniform(*FIRST_S)
    while wanted:
        left = left or dice.sample(wanted, len(wanted))
        kind, length_s, details = _LONG_FAULTS[left.pop()]
        lasts_s = dice.uniform(*length_s)
        if at_s + lasts_s > inputs.length_s:
            return
        name = inputs.processors[0] if happens(dice, CHEAPEST_SHARE) else dice.choice(inputs.processors[1:])
        detail = dict(details(dice, inputs))
        if kind is FaultKind.OUTAGE:
            hits = [*_hits(dice, at_s, inputs, schedule)]
            yield from hits
            detail["hit_after_s"] = round(min((hit.at_s for hit in hits), default=at_s) - at_s, 3)
        if kind is FaultKind.PAUSE:
            yield from itertools.islice(_hits(dice, at_s, inputs, schedule), 1)  # the second would come too late
        if kind is FaultKind.RELEASE:
            detail["to"] = dice.choice([other for other in inputs.processors if other != name])
        yield PlannedFault(at_s, kind, name, lasts_s, detail)
        at_s += lasts_s + dice.uniform(*BETWEEN_S)


def clocks(dice: Random, inputs: PlanInputs) -> Iterator[PlannedFault]:
    """Yield times in which an ingress with a wrong clock also accepts payments."""
    at_s = dice.uniform(*BETWEEN_S)
    while at_s < inputs.length_s:
        lasts_s = dice.uniform(*CLOCKS_S)
        yield PlannedFault(
            at_s, FaultKind.CLOCKS, "ingress", lasts_s, {"skew_s": dice.choice(SKEW_S), "per_s": SKEWED_PER_S}
        )
        at_s += lasts_s + dice.uniform(*CLOCKS_EVERY_S)


def _hits(dice: Random, outage_s: float, inputs: PlanInputs, schedule: HitSchedule) -> Iterator[PlannedFault]:
    """Yield what is killed or restarted a few seconds into an outage, and so must find out about it after its start."""
    times_s = [dice.uniform(*HIT_AFTER_S)]
    if happens(dice, HIT_AGAIN_SHARE):
        times_s.append(dice.uniform(*HIT_AGAIN_AFTER_S))
    for after_s in times_s:
        at_s = outage_s + after_s
        kind = FaultKind.KILL if happens(dice, KILLED_SHARE) else FaultKind.RESTART
        target = schedule.choose(dice, at_s, deaths=1, among=("nats", *inputs.dispatchers))
        if target is not None:
            schedule.add(target, at_s, dies=True)
            yield PlannedFault(at_s, kind, target)


def _outage(dice: Random, _: PlanInputs) -> Mapping[str, Any]:
    """It fails, as its health shows; or it books and hangs; or it hangs on every request."""
    return dice.choice(
        (
            {"profile": {"delay_ms": 0, "is_failing": True}},
            {"fault_mix": {"rates": {"hang_after_booking": 1}}},
            {"fault_mix": {"rates": {"unread": 1, "look_up_hang": 1, "health_hang": 1}}},
        )
    )


def _slower(dice: Random, inputs: PlanInputs) -> Mapping[str, Any]:
    """It books late, as its health shows; or it books at once, and only the answer is late."""
    late_ms = round(inputs.call_timeout_s * SLOWER_THAN_TIMEOUT * 1000)
    return dice.choice(
        (
            {"profile": {"delay_ms": late_ms, "is_failing": False}},
            {"fault_mix": {"rates": {"late_answer": 1}, "late_ms": late_ms}},
        )
    )


def _refusal(_: Random, __: PlanInputs) -> Mapping[str, Any]:
    return {"fault_mix": {"rates": {"bad_request": 1}}}


def _release(dice: Random, _: PlanInputs) -> Mapping[str, Any]:
    """It drops requests and never books them, so that whatever is released was not charged there."""
    return {"fault_mix": {"rates": {dice.choice(("unread", "close_before_booking")): 1}}}


def _pause(dice: Random, _: PlanInputs) -> Mapping[str, Any]:
    """It books and hangs, or drops requests and hangs, and answers no look-up; or it has no fault at all."""
    rates = dice.choice(({"hang_after_booking": 1, "look_up_hang": 1}, {"unread": 1, "look_up_hang": 1}, None))
    return ({"fault_mix": {"rates": rates}} if rates else {}) | {"by": dice.choice(("command", "http"))}


_LONG_FAULTS: dict[FaultGroup, tuple[FaultKind, tuple[float, float], _Details]] = {
    FaultGroup.OUTAGE: (FaultKind.OUTAGE, OUTAGE_S, _outage),
    FaultGroup.SLOWER: (FaultKind.SLOWER, SLOWER_S, _slower),
    FaultGroup.REFUSAL: (FaultKind.REFUSAL, REFUSAL_S, _refusal),
    FaultGroup.RELEASE: (FaultKind.RELEASE, RELEASE_S, _release),
    FaultGroup.PAUSE: (FaultKind.PAUSE, PAUSE_S, _pause),
}
