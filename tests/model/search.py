"""Breadth-first search over every interleaving: the shortest trace to a violation, or that there is none."""

from itertools import chain
from time import monotonic
from typing import NamedTuple

from tests.model.dispatcher import dispatcher_steps
from tests.model.outside import outside_steps
from tests.model.world import Left, Steps, World, start, violation


class Found(NamedTuple):
    """The result of a search.

    Args:
        states: how many were visited.
        depth: steps to the last of them.
        seconds: how long it took.
        complete: whether these are all states of the world.
        violation: what must never happen, else empty.
        trace: one line for each step to it.
    """

    states: int
    depth: int
    seconds: float
    complete: bool
    violation: str = ""
    trace: tuple[str, ...] = ()


def steps(world: World, without: str) -> Steps:
    """Yield all that may happen next."""
    processes = [dispatcher_steps(world, k, without) for k in range(len(world.jobs))]
    return chain(outside_steps(world, without), *processes)


def explore(left: Left, without: str = "", states_max: int = 10**9, seconds_max: float = 1e9) -> Found:
    """Search a world, with a rule removed if one is named."""
    began = monotonic()
    level = [start(left)]
    came_from: dict[World, World | None] = {level[0]: None}
    depth = 0
    while level:
        following = []
        for world in level:
            for _, after in steps(world, without):
                if after not in came_from:
                    came_from[after] = world
                    if wrong := violation(after):
                        trace = _trace(came_from, after, without)
                        return Found(
                            len(came_from), depth + 1, monotonic() - began, complete=False, violation=wrong, trace=trace
                        )
                    following.append(after)
            if len(came_from) > states_max or monotonic() - began > seconds_max:
                return Found(len(came_from), depth, monotonic() - began, complete=False)
        level, depth = following, depth + bool(following)
    return Found(len(came_from), depth, monotonic() - began, complete=True)


def _trace(came_from: dict[World, World | None], end: World, without: str) -> tuple[str, ...]:
    """Return the steps to a state; only here their names are needed, so they are computed once more."""
    trace: list[str] = []
    world = end
    while (before := came_from[world]) is not None:
        trace.append(next(what for what, after in steps(before, without) if after == world))
        world = before
    return tuple(reversed(trace))
