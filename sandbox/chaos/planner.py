"""Which fault is done when, to what, for how long: all of it follows from the seed. Values in, values out.

Each kind of fault has its own dice, so that leaving a group out changes nothing for the others.
"""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from sandbox.chaos import changes, trials
from sandbox.chaos.acts import Act, Group, Kind, Setting
from sandbox.chaos.moods import happens, random_mood
from sandbox.chaos.node_plan import node_faults
from sandbox.chaos.victims import Victims

FIRST_S = 2.0

EVEN = 0.5
LONG = 0.4  # the share of faults that last longer than the system's own timeouts: ack_wait, the timeout of a call
MUTE = 0.3
TWO_AT_ONCE = 0.25
FREEZE_MORE_S = 4.0  # at most this much longer than ack_wait


def plan(seed: int, setting: Setting, groups: frozenset[Group]) -> tuple[Act, ...]:
    """Return all faults in the order of their times; all are over when the load ends."""
    victims = Victims((*setting.services, *setting.processors), longest_s=setting.ack_wait_s + FREEZE_MORE_S)
    acts = [*changes.gone_back(Random(f"{seed}/store"), setting, victims)]
    # Then the trials: what they are to hit must not be hit already at their time.
    acts += [*trials.of_processors(Random(f"{seed}/trial"), setting, groups, victims)]
    acts += _changes(seed, setting, groups, victims)
    acts += _process_acts(Random(f"{seed}/process"), setting, groups, victims)
    for name in setting.processors:
        if Group.PROCESSOR in groups:
            acts += _moods(Random(f"{seed}/mood/{name}"), name, setting)
        if Group.PROFILE in groups:
            acts += _profiles(Random(f"{seed}/profile/{name}"), name, setting)
        if Group.NETWORK in groups:
            acts += _network(Random(f"{seed}/network/{name}"), name, setting)
    if Group.NODE in groups:
        acts += node_faults(Random(f"{seed}/node"), setting)
    if Group.FULL in groups:
        acts += _full(Random(f"{seed}/full"), setting)
    within = [act for act in changes.apart_from_copies(acts, setting) if act.at_s + act.lasts_s <= setting.length_s]
    return tuple(sorted(within, key=lambda act: (act.at_s, act.target, act.kind)))


def _changes(seed: int, setting: Setting, groups: frozenset[Group], victims: Victims) -> Iterator[Act]:
    if Group.MOVE in groups:
        yield from changes.moves(Random(f"{seed}/move"), setting, victims)
    if Group.RECONFIGURE in groups:
        yield from changes.reconfigurations(Random(f"{seed}/reconfigure"), setting, victims)
    if Group.CLOCKS in groups:
        yield from trials.clocks(Random(f"{seed}/clocks"), setting)


def _moods(dice: Random, name: str, setting: Setting) -> Iterator[Act]:
    at_s = dice.uniform(0.5, FIRST_S)
    while at_s < setting.length_s:
        lasts_s = dice.uniform(3, 9)
        yield Act(at_s, Kind.MOOD, name, lasts_s, random_mood(dice))
        at_s += lasts_s + dice.uniform(0, 4)


def _profiles(dice: Random, name: str, setting: Setting) -> Iterator[Act]:
    at_s = dice.uniform(4, 12)
    while at_s < setting.length_s:
        lasts_s = dice.uniform(2, 8)
        delay_ms = dice.choice((0, 20, 100, 500, 1000, 2000))
        is_failing = happens(dice, EVEN) or delay_ms == 0
        yield Act(at_s, Kind.PROFILE, name, lasts_s, {"delay_ms": delay_ms, "is_failing": is_failing})
        at_s += lasts_s + dice.uniform(6, 14)


def _network(dice: Random, name: str, setting: Setting) -> Iterator[Act]:
    at_s = dice.uniform(3, 10)
    while at_s < setting.length_s:
        kind = dice.choice((Kind.REFUSE, Kind.STALL, Kind.RESET, Kind.HOLD_BACK))
        is_long = happens(dice, LONG)
        lasts_s = dice.uniform(1, 3) * setting.call_timeout_s if is_long else dice.uniform(0.2, 1)
        details: dict[Kind, Mapping[str, Any]] = {
            Kind.REFUSE: {"resets_too": happens(dice, EVEN)},
            Kind.RESET: {"times": dice.randint(1, 5)},
            Kind.HOLD_BACK: {"throws_answers_away": happens(dice, MUTE)},
        }
        yield Act(at_s, kind, name, lasts_s, details.get(kind, {}))
        at_s += lasts_s + dice.uniform(4, 10)


def _full(dice: Random, setting: Setting) -> Iterator[Act]:
    at_s = dice.uniform(10, 16)
    kinds = [Kind.PAYMENTS_FULL, Kind.SETTLEMENTS_FULL]
    dice.shuffle(kinds)
    while at_s < setting.length_s:
        lasts_s = dice.uniform(2, 6)
        yield Act(at_s, kinds[0], "nats", lasts_s)
        kinds.reverse()
        at_s += lasts_s + dice.uniform(14, 26)


def _process_acts(dice: Random, setting: Setting, groups: frozenset[Group], victims: Victims) -> Iterator[Act]:
    kinds = [kind for kind in (Kind.KILL, Kind.FREEZE, Kind.RESTART) if kind.value in groups]
    if not kinds:
        return
    weights = [{Kind.KILL: 45, Kind.FREEZE: 35, Kind.RESTART: 20}[kind] for kind in kinds]
    at_s = dice.uniform(FIRST_S, FIRST_S + 2)
    while at_s < setting.length_s:
        for _ in range(2 if happens(dice, TWO_AT_ONCE) else 1):  # now and then two at once
            (kind,) = dice.choices(kinds, weights)
            target = victims.choose(dice, at_s, deaths=int(kind is not Kind.FREEZE))
            if target is not None:
                lasts_s = _lasts_s(dice, kind, target, setting)
                victims.take(target, at_s, lasts_s, dies=kind is not Kind.FREEZE)
                yield Act(at_s, kind, target, lasts_s)
        at_s += dice.uniform(2.5, 6)


def _lasts_s(dice: Random, kind: Kind, target: str, setting: Setting) -> float:
    """Return how long a part is frozen, or a processor down; the stack restarts its own parts at once."""
    is_long = happens(dice, LONG)
    if kind is Kind.FREEZE:
        if target == "nats":
            return dice.uniform(0.2, 2) if not is_long else dice.uniform(2, setting.ack_wait_s + 1)
        return dice.uniform(0.2, 2) if not is_long else setting.ack_wait_s + dice.uniform(0.5, FREEZE_MORE_S)
    if target in setting.processors:
        return dice.uniform(0.1, 0.8) if not is_long else dice.uniform(0.8, 4)
    return 0.0
