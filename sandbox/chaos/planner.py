"""Which fault is done when, to what, for how long: all of it follows from the seed. Values in, values out.

Each group of faults has a random generator of its own, seeded with a text: leaving a group out changes nothing for the
others, and another text would give all earlier seeds other faults.
"""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from sandbox.chaos import change_plan, long_fault_plan
from sandbox.chaos.fault_mix import happens, random_fault_mix
from sandbox.chaos.hit_schedule import HitSchedule
from sandbox.chaos.node_fault_plan import node_faults
from sandbox.chaos.planned_fault import FaultGroup, FaultKind, PlanInputs, PlannedFault

FIRST_S = 2.0

HALF = 0.5
LONG_SHARE = 0.4  # the share of faults that last longer than the system's own timeouts: ack_wait, the timeout of a call
DROPS_ANSWERS_SHARE = 0.3
TWO_AT_ONCE_SHARE = 0.25
FREEZE_MORE_S = 4.0  # at most this much longer than ack_wait


def plan(seed: int, inputs: PlanInputs, groups: frozenset[FaultGroup]) -> tuple[PlannedFault, ...]:
    """Return all faults in the order of their times; all are over when the load ends."""
    schedule = HitSchedule((*inputs.services, *inputs.processors), longest_s=inputs.ack_wait_s + FREEZE_MORE_S)
    faults = [*change_plan.store_faults(Random(f"{seed}/store"), inputs, schedule)]
    # Then the long faults: what they are to hit must not be hit already at their time.
    faults += [*long_fault_plan.of_processors(Random(f"{seed}/trial"), inputs, groups, schedule)]
    faults += _change_faults(seed, inputs, groups, schedule)
    faults += _process_faults(Random(f"{seed}/process"), inputs, groups, schedule)
    for name in inputs.processors:
        if FaultGroup.PROCESSOR in groups:
            faults += _fault_mixes(Random(f"{seed}/mood/{name}"), name, inputs)
        if FaultGroup.PROFILE in groups:
            faults += _profiles(Random(f"{seed}/profile/{name}"), name, inputs)
        if FaultGroup.NETWORK in groups:
            faults += _network(Random(f"{seed}/network/{name}"), name, inputs)
    if FaultGroup.NODE in groups:
        faults += node_faults(Random(f"{seed}/node"), inputs)
    if FaultGroup.FULL in groups:
        faults += _full(Random(f"{seed}/full"), inputs)
    within = [
        fault
        for fault in change_plan.without_faults_near_copies(faults, inputs)
        if fault.at_s + fault.lasts_s <= inputs.length_s
    ]
    return tuple(sorted(within, key=lambda fault: (fault.at_s, fault.target, fault.kind)))


def _change_faults(
    seed: int, inputs: PlanInputs, groups: frozenset[FaultGroup], schedule: HitSchedule
) -> Iterator[PlannedFault]:
    if FaultGroup.MOVE in groups:
        yield from change_plan.moves(Random(f"{seed}/move"), inputs, schedule)
    if FaultGroup.RECONFIGURE in groups:
        yield from change_plan.reconfigurations(Random(f"{seed}/reconfigure"), inputs, schedule)
    if FaultGroup.CLOCKS in groups:
        yield from long_fault_plan.clocks(Random(f"{seed}/clocks"), inputs)


def _fault_mixes(dice: Random, name: str, inputs: PlanInputs) -> Iterator[PlannedFault]:
    at_s = dice.uniform(0.5, FIRST_S)
    while at_s < inputs.length_s:
        lasts_s = dice.uniform(3, 9)
        yield PlannedFault(at_s, FaultKind.FAULT_MIX, name, lasts_s, random_fault_mix(dice))
        at_s += lasts_s + dice.uniform(0, 4)


def _profiles(dice: Random, name: str, inputs: PlanInputs) -> Iterator[PlannedFault]:
    at_s = dice.uniform(4, 12)
    while at_s < inputs.length_s:
        lasts_s = dice.uniform(2, 8)
        delay_ms = dice.choice((0, 20, 100, 500, 1000, 2000))
        is_failing = happens(dice, HALF) or delay_ms == 0
        yield PlannedFault(at_s, FaultKind.PROFILE, name, lasts_s, {"delay_ms": delay_ms, "is_failing": is_failing})
        at_s += lasts_s + dice.uniform(6, 14)


def _network(dice: Random, name: str, inputs: PlanInputs) -> Iterator[PlannedFault]:
    at_s = dice.uniform(3, 10)
    while at_s < inputs.length_s:
        kind = dice.choice((FaultKind.REFUSE, FaultKind.STALL, FaultKind.RESET, FaultKind.HOLD_BACK))
        is_long = happens(dice, LONG_SHARE)
        lasts_s = dice.uniform(1, 3) * inputs.call_timeout_s if is_long else dice.uniform(0.2, 1)
        details: dict[FaultKind, Mapping[str, Any]] = {
            FaultKind.REFUSE: {"resets_too": happens(dice, HALF)},
            FaultKind.RESET: {"times": dice.randint(1, 5)},
            FaultKind.HOLD_BACK: {"drops_answers": happens(dice, DROPS_ANSWERS_SHARE)},
        }
        yield PlannedFault(at_s, kind, name, lasts_s, details.get(kind, {}))
        at_s += lasts_s + dice.uniform(4, 10)


def _full(dice: Random, inputs: PlanInputs) -> Iterator[PlannedFault]:
    at_s = dice.uniform(10, 16)
    kinds = [FaultKind.PAYMENTS_FULL, FaultKind.SETTLEMENTS_FULL]
    dice.shuffle(kinds)
    while at_s < inputs.length_s:
        lasts_s = dice.uniform(2, 6)
        yield PlannedFault(at_s, kinds[0], "nats", lasts_s)
        kinds.reverse()
        at_s += lasts_s + dice.uniform(14, 26)


def _process_faults(
    dice: Random, inputs: PlanInputs, groups: frozenset[FaultGroup], schedule: HitSchedule
) -> Iterator[PlannedFault]:
    kinds = [kind for kind in (FaultKind.KILL, FaultKind.FREEZE, FaultKind.RESTART) if kind.value in groups]
    if not kinds:
        return
    weights = [{FaultKind.KILL: 45, FaultKind.FREEZE: 35, FaultKind.RESTART: 20}[kind] for kind in kinds]
    at_s = dice.uniform(FIRST_S, FIRST_S + 2)
    while at_s < inputs.length_s:
        for _ in range(2 if happens(dice, TWO_AT_ONCE_SHARE) else 1):  # sometimes two at once
            (kind,) = dice.choices(kinds, weights)
            target = schedule.choose(dice, at_s, deaths=int(kind is not FaultKind.FREEZE))
            if target is not None:
                lasts_s = _lasts_s(dice, kind, target, inputs)
                schedule.add(target, at_s, lasts_s, dies=kind is not FaultKind.FREEZE)
                yield PlannedFault(at_s, kind, target, lasts_s)
        at_s += dice.uniform(2.5, 6)


def _lasts_s(dice: Random, kind: FaultKind, target: str, inputs: PlanInputs) -> float:
    """Return how long a part is frozen, or a processor down; the stack restarts its own parts at once."""
    is_long = happens(dice, LONG_SHARE)
    if kind is FaultKind.FREEZE:
        if target == "nats":
            return dice.uniform(0.2, 2) if not is_long else dice.uniform(2, inputs.ack_wait_s + 1)
        return dice.uniform(0.2, 2) if not is_long else inputs.ack_wait_s + dice.uniform(0.5, FREEZE_MORE_S)
    if target in inputs.processors:
        return dice.uniform(0.1, 0.8) if not is_long else dice.uniform(0.8, 4)
    return 0.0
