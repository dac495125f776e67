"""Changes that operators make to a running system, and the one that happens to it: its store goes back in time.

They change what the system relies on: who charges, at which address, for which fee, and what it has stored.
"""

from collections.abc import Iterator
from random import Random

from sandbox.chaos.acts import NODE_KINDS, REPLACED_MAX, Act, Kind, Setting, Store
from sandbox.chaos.moods import happens
from sandbox.chaos.victims import Victims

FIRST_S = (4.0, 10.0)
RECONFIGURE_S = (8.0, 14.0)
RECONFIGURE_EVERY_S = (20.0, 35.0)
MOVE_FIRST_S = (10.0, 20.0)
MOVE_EVERY_S = (20.0, 35.0)
BOTH_ADDRESSES_S = (0.0, 3.0)  # for so long a processor that has moved answers at the old address too
REPLACED = 0.7
CHEAPEST = 0.85
BACK_FIRST_S = (10.0, 18.0)
BACK_EVERY_S = (35.0, 55.0)
COPY_AGE_S = (6.0, 14.0)
# Before the load ends: what is doubtful waits this long, and without other payments it would look like a standstill.
BACK_BEFORE_END_S = 45.0
# Each part dies with every cut, and the supervisor accepts no more than five deaths in a minute.
CUT_FIRST_S = (6.0, 12.0)
CUT_EVERY_S = (26.0, 34.0)
CUT_BEFORE_END_S = 15.0
CUT_AGE_S = (1.0, 4.0)  # of the copies where nats-server does not sync each message
CUT_TAKES_S = 4.0
NODE_RESTS_S = 16.0  # from a fault of one of three servers until they are whole again, or from a cut
# From this long before the store goes back until this long after it, no reader is hit: one that has read more than the
# store has must live to notice that, unless nats-server does not sync each message.
NOTICED_BEFORE_S = 1.0
NOTICED_AFTER_S = 6.0
NOTICED_BY_THREE_AFTER_S = 20.0  # three servers elect first, and write the mark only after the meta group's election
# No copy may be older than these: it would not show where payments were charged since, or why twice. And a stream that
# was full when it was copied would stay full.
_NOT_WITHIN_COPY = NODE_KINDS | {
    *(Kind.MOVE, Kind.REPLACE, Kind.RELEASE, Kind.PAUSE, Kind.PAYMENTS_FULL, Kind.SETTLEMENTS_FULL)
}


def reconfigurations(dice: Random, setting: Setting, victims: Victims) -> Iterator[Act]:
    """Yield restarts of a dispatcher with other settings, each with the restart that restores them."""
    at_s = dice.uniform(*FIRST_S)
    while at_s < setting.length_s:
        lasts_s = dice.uniform(*RECONFIGURE_S)
        target = victims.choose(dice, at_s, deaths=2, among=setting.dispatchers)
        if target is not None and target == victims.choose(dice, at_s + lasts_s, deaths=2, among=(target,)):
            for death_s in (at_s, at_s + lasts_s):
                victims.take(target, death_s, dies=True)
            yield Act(at_s, Kind.RECONFIGURE, target, lasts_s)
        at_s += lasts_s + dice.uniform(*RECONFIGURE_EVERY_S)


def moves(dice: Random, setting: Setting, victims: Victims) -> Iterator[Act]:
    """Yield moves of a processor to another address, and restarts of a dispatcher with another one under its name."""
    at_s, replaced = dice.uniform(*MOVE_FIRST_S), 0
    while at_s < setting.length_s:
        lasts_s = dice.uniform(*BOTH_ADDRESSES_S)
        name = setting.processors[0] if happens(dice, CHEAPEST) else dice.choice(setting.processors[1:])
        part = victims.choose(dice, at_s, deaths=1, among=setting.dispatchers)
        is_free = name == victims.choose(dice, at_s, deaths=0, among=(name,))
        if happens(dice, REPLACED) and replaced < REPLACED_MAX and part is not None and is_free:
            replaced += 1
            victims.take(part, at_s, lasts_s, dies=True)
            victims.take(name, at_s, lasts_s, dies=False)
            yield Act(at_s, Kind.REPLACE, name, lasts_s, {"restart": part})
        else:
            yield Act(at_s, Kind.MOVE, name, lasts_s)
        at_s += lasts_s + dice.uniform(*MOVE_EVERY_S)


def gone_back(dice: Random, setting: Setting, victims: Victims) -> Iterator[Act]:
    """Yield what happens to the stores; to be planned before anything else."""
    if setting.store is Store.BACK:
        yield from _stores_back(dice, setting, victims)
    elif setting.store is Store.CUT:
        yield from _power_cuts(dice, setting, victims)


def _stores_back(dice: Random, setting: Setting, victims: Victims) -> Iterator[Act]:
    """Yield copies of the store, each restored a while later."""
    at_s = dice.uniform(*BACK_FIRST_S)
    while at_s + (lasts_s := dice.uniform(*COPY_AGE_S)) < setting.length_s - BACK_BEFORE_END_S:
        if not setting.has_nodes:
            victims.take("nats", at_s, dies=False)
            victims.take("nats", at_s + lasts_s, dies=True)
        for part in ("ledger", *setting.dispatchers):  # each restarts when it has noticed
            victims.take(
                part, at_s + lasts_s - NOTICED_BEFORE_S, NOTICED_BEFORE_S + noticed_after_s(setting), dies=True
            )
        yield Act(at_s, Kind.STORE_BACK, "nats", lasts_s)
        at_s += lasts_s + dice.uniform(*BACK_EVERY_S)


def _power_cuts(dice: Random, setting: Setting, victims: Victims) -> Iterator[Act]:
    """Yield power cuts, which hit all services at once."""
    at_s = dice.uniform(*CUT_FIRST_S)
    while at_s < setting.length_s - CUT_BEFORE_END_S:
        lasts_s = 0.0 if setting.is_synced else dice.uniform(*CUT_AGE_S)
        for part in setting.services:
            victims.take(part, at_s, lasts_s + CUT_TAKES_S, dies=True)
        yield Act(at_s, Kind.POWER_CUT, "all", lasts_s)
        at_s += lasts_s + dice.uniform(*CUT_EVERY_S)


def noticed_after_s(setting: Setting) -> float:
    """Return for how long after a copy was restored readers are not hit, so that they notice and report it."""
    return NOTICED_BY_THREE_AFTER_S if setting.has_nodes else NOTICED_AFTER_S


def apart_from_copies(acts: list[Act], setting: Setting) -> list[Act]:
    """Leave out what must not happen between a copy of the store and its being restored."""
    copies = [act for act in acts if act.kind in {Kind.STORE_BACK, Kind.POWER_CUT}]

    def is_within(act: Act) -> bool:
        rests_s = NODE_RESTS_S if act.kind in NODE_KINDS else 0.0
        end_s = act.at_s + act.lasts_s + rests_s
        return any(
            act.at_s - rests_s <= copy.at_s + copy.lasts_s + noticed_after_s(setting)
            and end_s >= copy.at_s - NOTICED_BEFORE_S
            for copy in copies
        )

    return [act for act in acts if act.kind not in _NOT_WITHIN_COPY or not is_within(act)]
