"""The schedule of faults of three nats-servers."""

import itertools

import pytest

from sandbox.chaos.node_fault_plan import BEFORE_END_S, BETWEEN_S
from sandbox.chaos.planned_fault import NODE_KINDS, FaultGroup, FaultKind, PlanInputs, PlannedFault
from sandbox.chaos.planner import plan

SEEDS = range(20)
SERVICES = ("ledger", "balancer", "ingress-1", "ingress-2", "dispatcher-1")
KILLED = {
    FaultKind.KILL: 1,
    FaultKind.NODE_KILL: 1,
    FaultKind.EMPTIED: 1,
    FaultKind.TWO_DOWN: 2,
    FaultKind.ALL_KILLED: 3,
}


def inputs(*, has_nodes: bool = True) -> PlanInputs:
    """Ten minutes."""
    return PlanInputs(600, SERVICES, ("default", "fallback"), 3, 1.5, has_nodes=has_nodes)


@pytest.mark.parametrize("seed", SEEDS)
def test_ten_minutes_have_every_kind_twelve_faults_and_sixty_kills(seed: int) -> None:
    """As often as the time to become healthy again allows."""
    planned = plan(seed, inputs(), frozenset(FaultGroup))
    faults = [fault for fault in planned if fault.kind in NODE_KINDS]
    assert len(faults) >= 16
    assert {fault.kind for fault in faults} == NODE_KINDS
    assert {fault.target for fault in faults} >= {"consumer", "meta", "PAYMENTS"}
    assert sum(KILLED.get(fault.kind, 0) for fault in planned) >= 66


@pytest.mark.parametrize("seed", SEEDS)
def test_one_fault_comes_after_the_other_and_the_last_one_well_before_the_end(seed: int) -> None:
    """The cluster has time to be healthy again."""
    faults = [fault for fault in plan(seed, inputs(), frozenset({FaultGroup.NODE})) if fault.kind in NODE_KINDS]
    assert all(after.at_s >= end_s(before) + BETWEEN_S[0] for before, after in itertools.pairwise(faults))
    assert end_s(faults[-1]) <= 600 - BEFORE_END_S


def test_one_server_has_no_such_faults() -> None:
    """It is hit like every other part."""
    assert not plan(1, inputs(has_nodes=False), frozenset({FaultGroup.NODE}))


def end_s(fault: PlannedFault) -> float:
    """When it is over."""
    return fault.at_s + fault.lasts_s
