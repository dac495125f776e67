"""Plans the changes that operators make to a running system, and stores that are restored from older copies. Pure.

They change what the system relies on: who charges, at which address, for which fee, and what it has stored.
"""

from collections.abc import Iterator
from random import Random

from sandbox.chaos.fault_mix import happens
from sandbox.chaos.hit_schedule import HitSchedule
from sandbox.chaos.planned_fault import NODE_KINDS, REPLACED_MAX, FaultKind, PlanInputs, PlannedFault, StoreMode

FIRST_S = (4.0, 10.0)
RECONFIGURE_S = (8.0, 14.0)
RECONFIGURE_EVERY_S = (20.0, 35.0)
MOVE_FIRST_S = (10.0, 20.0)
MOVE_EVERY_S = (20.0, 35.0)
BOTH_ADDRESSES_S = (0.0, 3.0)  # for so long a processor that has moved answers at the old address too
REPLACED_SHARE = 0.7
CHEAPEST_SHARE = 0.85
RESTORE_FIRST_S = (10.0, 18.0)
RESTORE_EVERY_S = (35.0, 55.0)
COPY_AGE_S = (6.0, 14.0)
# Before the load ends: what is doubtful waits this long, and without other payments it would look like a standstill.
RESTORE_BEFORE_END_S = 45.0
# Each part dies with every cut, and the supervisor accepts no more than five deaths in a minute.
CUT_FIRST_S = (6.0, 12.0)
CUT_EVERY_S = (26.0, 34.0)
CUT_BEFORE_END_S = 15.0
CUT_AGE_S = (1.0, 4.0)  # of the copies where nats-server does not sync each message
CUT_TAKES_S = 4.0
NODE_RECOVERS_S = 16.0  # from a fault of one of three servers until they are healthy again, or from a cut
# From this long before the store goes back until this long after it, no reader is hit: one that has read more than the
# store has must live to notice that, unless nats-server does not sync each message.
NOTICED_BEFORE_S = 1.0
NOTICED_AFTER_S = 6.0
NOTICED_BY_THREE_AFTER_S = 20.0  # three servers elect first, and write the mark only after the meta group's election
# No copy may be older than these: it would not show where payments were charged since, or why twice. And a stream that
# was full when it was copied would stay full.
_NOT_WITHIN_COPY = NODE_KINDS | {
    *(
        FaultKind.MOVE,
        FaultKind.REPLACE,
        FaultKind.RELEASE,
        FaultKind.PAUSE,
        FaultKind.PAYMENTS_FULL,
        FaultKind.SETTLEMENTS_FULL,
    )
}


def reconfigurations(dice: Random, inputs: PlanInputs, schedule: HitSchedule) -> Iterator[PlannedFault]:
    """Yield restarts of a dispatcher with other settings, each with the restart that restores them."""
    at_s = dice.uniform(*FIRST_S)
    while at_s < inputs.length_s:
        lasts_s = dice.uniform(*RECONFIGURE_S)
        target = schedule.choose(dice, at_s, deaths=2, among=inputs.dispatchers)
        if target is not None and target == schedule.choose(dice, at_s + lasts_s, deaths=2, among=(target,)):
            for death_s in (at_s, at_s + lasts_s):
                schedule.add(target, death_s, dies=True)
            yield PlannedFault(at_s, FaultKind.RECONFIGURE, target, lasts_s)
        at_s += lasts_s + dice.uniform(*RECONFIGURE_EVERY_S)


def moves(dice: Random, inputs: PlanInputs, schedule: HitSchedule) -> Iterator[PlannedFault]:
    """Yield moves of a processor to another address, and restarts of a dispatcher with another one under its name."""
    at_s, replaced = dice.uniform(*MOVE_FIRST_S), 0
    while at_s < inputs.length_s:
        lasts_s = dice.uniform(*BOTH_ADDRESSES_S)
        name = inputs.processors[0] if happens(dice, CHEAPEST_SHARE) else dice.choice(inputs.processors[1:])
        part = schedule.choose(dice, at_s, deaths=1, among=inputs.dispatchers)
        is_free = name == schedule.choose(dice, at_s, deaths=0, among=(name,))
        if happens(dice, REPLACED_SHARE) and replaced < REPLACED_MAX and part is not None and is_free:
            replaced += 1
            schedule.add(part, at_s, lasts_s, dies=True)
            schedule.add(name, at_s, lasts_s, dies=False)
            yield PlannedFault(at_s, FaultKind.REPLACE, name, lasts_s, {"restart": part})
        else:
            yield PlannedFault(at_s, FaultKind.MOVE, name, lasts_s)
        at_s += lasts_s + dice.uniform(*MOVE_EVERY_S)


def store_faults(dice: Random, inputs: PlanInputs, schedule: HitSchedule) -> Iterator[PlannedFault]:
    """Yield the faults of the stores; to be planned before anything else."""
    if inputs.store is StoreMode.BACK:
        yield from _store_restores(dice, inputs, schedule)
    elif inputs.store is StoreMode.CUT:
        yield from _power_cuts(dice, inputs, schedule)


def _store_restores(dice: Random, inputs: PlanInputs, schedule: HitSchedule) -> Iterator[PlannedFault]:
    """Yield copies of the store, each restored some seconds later."""
    at_s = dice.uniform(*RESTORE_FIRST_S)
    while at_s + (lasts_s := dice.uniform(*COPY_AGE_S)) < inputs.length_s - RESTORE_BEFORE_END_S:
        if not inputs.has_nodes:
            schedule.add("nats", at_s, dies=False)
            schedule.add("nats", at_s + lasts_s, dies=True)
        for part in ("ledger", *inputs.dispatchers):  # each restarts when it has noticed that
            schedule.add(part, at_s + lasts_s - NOTICED_BEFORE_S, NOTICED_BEFORE_S + noticed_after_s(inputs), dies=True)
        yield PlannedFault(at_s, FaultKind.STORE_BACK, "nats", lasts_s)
        at_s += lasts_s + dice.uniform(*RESTORE_EVERY_S)


def _power_cuts(dice: Random, inputs: PlanInputs, schedule: HitSchedule) -> Iterator[PlannedFault]:
    """Yield power cuts, which hit all services at once."""
    at_s = dice.uniform(*CUT_FIRST_S)
    while at_s < inputs.length_s - CUT_BEFORE_END_S:
        lasts_s = 0.0 if inputs.is_synced else dice.uniform(*CUT_AGE_S)
        for part in inputs.services:
            schedule.add(part, at_s, lasts_s + CUT_TAKES_S, dies=True)
        yield PlannedFault(at_s, FaultKind.POWER_CUT, "all", lasts_s)
        at_s += lasts_s + dice.uniform(*CUT_EVERY_S)


def noticed_after_s(inputs: PlanInputs) -> float:
    """Return for how long after a copy was restored readers are not hit, so that they notice and report it."""
    return NOTICED_BY_THREE_AFTER_S if inputs.has_nodes else NOTICED_AFTER_S


def without_faults_near_copies(faults: list[PlannedFault], inputs: PlanInputs) -> list[PlannedFault]:
    """Return the faults without those that must not happen between a copy of the store and its being restored."""
    copies = [fault for fault in faults if fault.kind in {FaultKind.STORE_BACK, FaultKind.POWER_CUT}]

    def is_within(fault: PlannedFault) -> bool:
        recovers_s = NODE_RECOVERS_S if fault.kind in NODE_KINDS else 0.0
        end_s = fault.at_s + fault.lasts_s + recovers_s
        return any(
            fault.at_s - recovers_s <= copy.at_s + copy.lasts_s + noticed_after_s(inputs)
            and end_s >= copy.at_s - NOTICED_BEFORE_S
            for copy in copies
        )

    return [fault for fault in faults if fault.kind not in _NOT_WITHIN_COPY or not is_within(fault)]
