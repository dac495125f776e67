"""Long faults, each of which tests one question: do the others continue, and is all right when it is over?

The trials of processors follow each other, one at a time: while one processor is tried, the other is expected to
settle. They are drawn like cards from a deck, so that even a short run has several kinds.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from sandbox.chaos.acts import Act, Group, Kind, Setting
from sandbox.chaos.moods import happens
from sandbox.chaos.victims import Victims

FIRST_S = (4.0, 9.0)
BETWEEN_S = (4.0, 10.0)
CHEAPEST = 0.85  # most depends on the first processor, and while it serves the other has nothing to do
OUTAGE_S = (20.0, 30.0)
HIT_AFTER_S = (3.0, 7.0)
HIT_AGAIN = 0.5
HIT_AGAIN_AFTER_S = (12.0, 16.0)
KILLED = 0.7  # the share of hits that kill; the others restart
SLOWER_S = (8.0, 14.0)
SLOWER_THAN_TIMEOUT = 1.2
REFUSAL_S = (8.0, 14.0)
RELEASE_S = (18.0, 24.0)
PAUSE_S = (22.0, 28.0)
CLOCKS_S = (6.0, 12.0)
CLOCKS_EVERY_S = (15.0, 30.0)
APART_S = (60.0, -3600.0)  # ahead, or behind as with a wrong time zone
APART_PER_S = 4

_Details = Callable[[Random, Setting], Mapping[str, Any]]


def of_processors(dice: Random, setting: Setting, groups: frozenset[Group], victims: Victims) -> Iterator[Act]:
    """Yield one trial after the other, and with each outage the hits during it."""
    wanted = [group for group in _TRIALS if group in groups]
    deck: list[Group] = []
    at_s = dice.uniform(*FIRST_S)
    while wanted:
        deck = deck or dice.sample(wanted, len(wanted))
        kind, length_s, details = _TRIALS[deck.pop()]
        lasts_s = dice.uniform(*length_s)
        if at_s + lasts_s > setting.length_s:
            return
        name = setting.processors[0] if happens(dice, CHEAPEST) else dice.choice(setting.processors[1:])
        detail = dict(details(dice, setting))
        if kind is Kind.OUTAGE:
            hits = [*_hits(dice, at_s, setting, victims)]
            yield from hits
            detail["hit_after_s"] = round(min((hit.at_s for hit in hits), default=at_s) - at_s, 3)
        if kind is Kind.PAUSE:
            yield from itertools.islice(_hits(dice, at_s, setting, victims), 1)  # the second would come too late
        if kind is Kind.RELEASE:
            detail["to"] = dice.choice([other for other in setting.processors if other != name])
        yield Act(at_s, kind, name, lasts_s, detail)
        at_s += lasts_s + dice.uniform(*BETWEEN_S)


def clocks(dice: Random, setting: Setting) -> Iterator[Act]:
    """Yield times in which an ingress with a wrong clock also accepts payments."""
    at_s = dice.uniform(*BETWEEN_S)
    while at_s < setting.length_s:
        lasts_s = dice.uniform(*CLOCKS_S)
        yield Act(at_s, Kind.CLOCKS, "ingress", lasts_s, {"apart_s": dice.choice(APART_S), "per_s": APART_PER_S})
        at_s += lasts_s + dice.uniform(*CLOCKS_EVERY_S)


def _hits(dice: Random, outage_s: float, setting: Setting, victims: Victims) -> Iterator[Act]:
    """Yield what is killed or restarted a few seconds into an outage, and so must find out about it after its start."""
    times_s = [dice.uniform(*HIT_AFTER_S)]
    if happens(dice, HIT_AGAIN):
        times_s.append(dice.uniform(*HIT_AGAIN_AFTER_S))
    for after_s in times_s:
        at_s = outage_s + after_s
        kind = Kind.KILL if happens(dice, KILLED) else Kind.RESTART
        target = victims.choose(dice, at_s, deaths=1, among=("nats", *setting.dispatchers))
        if target is not None:
            victims.take(target, at_s, dies=True)
            yield Act(at_s, kind, target)


def _outage(dice: Random, _: Setting) -> Mapping[str, Any]:
    """It fails, as its health shows; or it books and hangs; or it hangs on every request."""
    return dice.choice(
        (
            {"profile": {"delay_ms": 0, "is_failing": True}},
            {"mood": {"rates": {"hang_after_booking": 1}}},
            {"mood": {"rates": {"unread": 1, "look_up_hang": 1, "health_hang": 1}}},
        )
    )


def _slower(dice: Random, setting: Setting) -> Mapping[str, Any]:
    """It books late, as its health shows; or it books at once, and only the answer is late."""
    late_ms = round(setting.call_timeout_s * SLOWER_THAN_TIMEOUT * 1000)
    return dice.choice(
        (
            {"profile": {"delay_ms": late_ms, "is_failing": False}},
            {"mood": {"rates": {"late_answer": 1}, "late_ms": late_ms}},
        )
    )


def _refusal(_: Random, __: Setting) -> Mapping[str, Any]:
    return {"mood": {"rates": {"bad_request": 1}}}


def _release(dice: Random, _: Setting) -> Mapping[str, Any]:
    """It drops requests and never books them, so that whatever is released was not charged there."""
    return {"mood": {"rates": {dice.choice(("unread", "close_before_booking")): 1}}}


def _pause(dice: Random, _: Setting) -> Mapping[str, Any]:
    """It books and hangs, or drops requests and hangs, and does not say which; or it works well all the time."""
    rates = dice.choice(({"hang_after_booking": 1, "look_up_hang": 1}, {"unread": 1, "look_up_hang": 1}, None))
    return ({"mood": {"rates": rates}} if rates else {}) | {"by": dice.choice(("command", "http"))}


_TRIALS: dict[Group, tuple[Kind, tuple[float, float], _Details]] = {
    Group.OUTAGE: (Kind.OUTAGE, OUTAGE_S, _outage),
    Group.SLOWER: (Kind.SLOWER, SLOWER_S, _slower),
    Group.REFUSAL: (Kind.REFUSAL, REFUSAL_S, _refusal),
    Group.RELEASE: (Kind.RELEASE, RELEASE_S, _release),
    Group.PAUSE: (Kind.PAUSE, PAUSE_S, _pause),
}
