"""Moves, replacements and restored stores are planned so that their questions can be answered."""

import pytest

from sandbox.chaos.change_plan import NODE_RECOVERS_S, NOTICED_AFTER_S, NOTICED_BEFORE_S, NOTICED_BY_THREE_AFTER_S
from sandbox.chaos.planned_fault import (
    LONG_GROUPS,
    NODE_KINDS,
    REPLACED_MAX,
    FaultGroup,
    FaultKind,
    PlanInputs,
    PlannedFault,
    StoreMode,
)
from sandbox.chaos.planner import plan

SEEDS = range(20)
SERVICES = ("nats", "ledger", "balancer", "ingress-1", "ingress-2", "dispatcher-1")
HITS = (FaultKind.KILL, FaultKind.RESTART, FaultKind.FREEZE)


def faults(
    seed: int, groups: frozenset[FaultGroup] = frozenset(FaultGroup), store: StoreMode = StoreMode.KEPT, **more: bool
) -> tuple[PlannedFault, ...]:
    """Ten minutes with one dispatcher."""
    services = [part for part in SERVICES if part != "nats"] if more.get("has_nodes") else SERVICES
    inputs = PlanInputs(600, services, ("default", "fallback"), 3, 1.5, store=store, **more)
    return plan(seed, inputs, groups)


@pytest.mark.parametrize("groups", [frozenset(FaultGroup), LONG_GROUPS | {FaultGroup.KILL}], ids=["all", "new"])
@pytest.mark.parametrize("seed", SEEDS)
def test_ten_minutes_have_sixty_kills(seed: int, groups: frozenset[FaultGroup]) -> None:
    """With all groups, with the new ones, and with restored stores too."""
    assert sum(fault.kind is FaultKind.KILL for fault in faults(seed, groups)) >= 66
    assert sum(fault.kind is FaultKind.KILL for fault in faults(seed, groups, store=StoreMode.BACK)) >= 60


@pytest.mark.parametrize("seed", SEEDS)
def test_processors_are_moved_and_a_few_replaced(seed: int) -> None:
    """Each replaced one keeps running, so there are not many."""
    found = faults(seed)
    assert sum(fault.kind is FaultKind.MOVE for fault in found) >= 8
    assert sum(fault.kind is FaultKind.REPLACE for fault in found) <= REPLACED_MAX


@pytest.mark.parametrize("seed", SEEDS)
def test_a_store_goes_back_under_dispatchers_that_live_to_notice(seed: int) -> None:
    """They are not hit then, nor is nats while it is copied."""
    found = faults(seed, store=StoreMode.BACK)
    copies = [fault for fault in found if fault.kind is FaultKind.STORE_BACK]
    assert len(copies) >= 9
    for copy in copies:
        restored_s = copy.at_s + copy.lasts_s
        for fault in found:
            if fault.kind in HITS and fault.target == "dispatcher-1":
                ends_s = fault.at_s + fault.lasts_s
                assert fault.at_s > restored_s + NOTICED_AFTER_S or ends_s < restored_s - NOTICED_BEFORE_S
            if fault.kind in HITS and fault.target == "nats":
                assert not fault.at_s <= copy.at_s <= fault.at_s + fault.lasts_s


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_copy_would_hide_does_not_happen_before_it_is_restored(seed: int) -> None:
    """Neither another address, nor a release, nor a limit that would stay forever."""
    found = faults(seed, store=StoreMode.BACK)
    for copy in (fault for fault in found if fault.kind is FaultKind.STORE_BACK):
        for fault in found:
            if fault.kind in (
                FaultKind.MOVE,
                FaultKind.REPLACE,
                FaultKind.RELEASE,
                FaultKind.PAYMENTS_FULL,
                FaultKind.SETTLEMENTS_FULL,
            ):
                assert fault.at_s + fault.lasts_s < copy.at_s or fault.at_s > copy.at_s + copy.lasts_s


@pytest.mark.parametrize("has_nodes", [False, True])
@pytest.mark.parametrize("is_synced", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_power_cuts_come_often_and_their_copies_are_of_that_moment_where_it_is_synced(
    seed: int, *, is_synced: bool, has_nodes: bool
) -> None:
    """Otherwise they are somewhat older, as with a store that is synced periodically."""
    found = faults(seed, store=StoreMode.CUT, is_synced=is_synced, has_nodes=has_nodes)
    cuts = [fault for fault in found if fault.kind is FaultKind.POWER_CUT]
    assert len(cuts) >= 15
    assert all((fault.lasts_s == 0) == is_synced for fault in cuts)


@pytest.mark.parametrize("store", [StoreMode.BACK, StoreMode.CUT])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_server_of_three_is_hit_while_all_stores_are_copied_and_put_back(seed: int, store: StoreMode) -> None:
    """All must be whole for that, and whole again before the next fault."""
    found = faults(seed, store=store, has_nodes=True)
    for copy in (fault for fault in found if fault.kind in {FaultKind.STORE_BACK, FaultKind.POWER_CUT}):
        for fault in (each for each in found if each.kind in NODE_KINDS):
            end_s = fault.at_s + fault.lasts_s + NODE_RECOVERS_S
            assert end_s < copy.at_s or fault.at_s > copy.at_s + copy.lasts_s + NODE_RECOVERS_S


@pytest.mark.parametrize("seed", SEEDS)
def test_three_servers_elect_before_it_is_noticed_that_their_stores_went_back(seed: int) -> None:
    """A reader is not hit for longer, and neither is a processor whose replacement would restart one."""
    found = faults(seed, store=StoreMode.BACK, has_nodes=True)
    copies = [fault for fault in found if fault.kind is FaultKind.STORE_BACK]
    assert len(copies) >= 9
    for copy in copies:
        restored_s = copy.at_s + copy.lasts_s
        for fault in found:
            if (fault.kind in HITS and fault.target == "dispatcher-1") or fault.kind is FaultKind.REPLACE:
                ends_s = fault.at_s + fault.lasts_s
                assert fault.at_s > restored_s + NOTICED_BY_THREE_AFTER_S or ends_s < restored_s - NOTICED_BEFORE_S
