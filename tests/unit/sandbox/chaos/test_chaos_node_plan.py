"""The schedule of faults of three nats-servers."""

import itertools

import pytest

from sandbox.chaos.acts import NODE_KINDS, Act, Group, Kind, Setting
from sandbox.chaos.node_plan import BEFORE_END_S, BETWEEN_S
from sandbox.chaos.planner import plan

SEEDS = range(20)
SERVICES = ("ledger", "balancer", "ingress-1", "ingress-2", "dispatcher-1")
KILLED = {Kind.KILL: 1, Kind.NODE_KILL: 1, Kind.EMPTIED: 1, Kind.TWO_DOWN: 2, Kind.ALL_KILLED: 3}


def setting(*, has_nodes: bool = True) -> Setting:
    """Ten minutes."""
    return Setting(600, SERVICES, ("default", "fallback"), 3, 1.5, has_nodes=has_nodes)


@pytest.mark.parametrize("seed", SEEDS)
def test_ten_minutes_have_every_kind_twelve_faults_and_sixty_kills(seed: int) -> None:
    """As often as the time to become whole again allows."""
    acts = plan(seed, setting(), frozenset(Group))
    faults = [act for act in acts if act.kind in NODE_KINDS]
    assert len(faults) >= 16
    assert {act.kind for act in faults} == NODE_KINDS
    assert {act.target for act in faults} >= {"consumer", "meta", "PAYMENTS"}
    assert sum(KILLED.get(act.kind, 0) for act in acts) >= 66


@pytest.mark.parametrize("seed", SEEDS)
def test_one_fault_comes_after_the_other_and_the_last_one_well_before_the_end(seed: int) -> None:
    """The cluster has time to be whole again."""
    faults = [act for act in plan(seed, setting(), frozenset({Group.NODE})) if act.kind in NODE_KINDS]
    assert all(after.at_s >= end_s(before) + BETWEEN_S[0] for before, after in itertools.pairwise(faults))
    assert end_s(faults[-1]) <= 600 - BEFORE_END_S


def test_one_server_has_no_such_faults() -> None:
    """It is hit like every other part."""
    assert not plan(1, setting(has_nodes=False), frozenset({Group.NODE}))


def end_s(act: Act) -> float:
    """When it is over."""
    return act.at_s + act.lasts_s
