"""Moves, replacements and restored stores are planned so that their questions can be answered."""

import pytest

from sandbox.chaos.acts import NEW, NODE_KINDS, REPLACED_MAX, Act, Group, Kind, Setting, Store
from sandbox.chaos.changes import NODE_RESTS_S, NOTICED_AFTER_S, NOTICED_BEFORE_S, NOTICED_BY_THREE_AFTER_S
from sandbox.chaos.planner import plan

SEEDS = range(20)
SERVICES = ("nats", "ledger", "balancer", "ingress-1", "ingress-2", "dispatcher-1")
HITS = (Kind.KILL, Kind.RESTART, Kind.FREEZE)


def acts(
    seed: int, groups: frozenset[Group] = frozenset(Group), store: Store = Store.KEPT, **more: bool
) -> tuple[Act, ...]:
    """Ten minutes with one dispatcher."""
    services = [part for part in SERVICES if part != "nats"] if more.get("has_nodes") else SERVICES
    setting = Setting(600, services, ("default", "fallback"), 3, 1.5, store=store, **more)
    return plan(seed, setting, groups)


@pytest.mark.parametrize("groups", [frozenset(Group), NEW | {Group.KILL}], ids=["all", "new"])
@pytest.mark.parametrize("seed", SEEDS)
def test_ten_minutes_have_sixty_kills(seed: int, groups: frozenset[Group]) -> None:
    """With all groups, with the new ones, and with restored stores too."""
    assert sum(act.kind is Kind.KILL for act in acts(seed, groups)) >= 66
    assert sum(act.kind is Kind.KILL for act in acts(seed, groups, store=Store.BACK)) >= 60


@pytest.mark.parametrize("seed", SEEDS)
def test_processors_are_moved_and_a_few_replaced(seed: int) -> None:
    """Each replaced one keeps running, so there are not many."""
    found = acts(seed)
    assert sum(act.kind is Kind.MOVE for act in found) >= 8
    assert sum(act.kind is Kind.REPLACE for act in found) <= REPLACED_MAX


@pytest.mark.parametrize("seed", SEEDS)
def test_a_store_goes_back_under_dispatchers_that_live_to_notice(seed: int) -> None:
    """They are not hit then, nor is nats while it is copied."""
    found = acts(seed, store=Store.BACK)
    copies = [act for act in found if act.kind is Kind.STORE_BACK]
    assert len(copies) >= 9
    for copy in copies:
        back_s = copy.at_s + copy.lasts_s
        for act in found:
            if act.kind in HITS and act.target == "dispatcher-1":
                ends_s = act.at_s + act.lasts_s
                assert act.at_s > back_s + NOTICED_AFTER_S or ends_s < back_s - NOTICED_BEFORE_S
            if act.kind in HITS and act.target == "nats":
                assert not act.at_s <= copy.at_s <= act.at_s + act.lasts_s


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_copy_would_hide_does_not_happen_before_it_is_restored(seed: int) -> None:
    """Neither another address, nor a release, nor a limit that would stay forever."""
    found = acts(seed, store=Store.BACK)
    for copy in (act for act in found if act.kind is Kind.STORE_BACK):
        for act in found:
            if act.kind in (Kind.MOVE, Kind.REPLACE, Kind.RELEASE, Kind.PAYMENTS_FULL, Kind.SETTLEMENTS_FULL):
                assert act.at_s + act.lasts_s < copy.at_s or act.at_s > copy.at_s + copy.lasts_s


@pytest.mark.parametrize("has_nodes", [False, True])
@pytest.mark.parametrize("is_synced", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_power_cuts_come_often_and_their_copies_are_of_that_moment_where_it_is_synced(
    seed: int, *, is_synced: bool, has_nodes: bool
) -> None:
    """Otherwise they are somewhat older, as with a store that is synced periodically."""
    found = acts(seed, store=Store.CUT, is_synced=is_synced, has_nodes=has_nodes)
    cuts = [act for act in found if act.kind is Kind.POWER_CUT]
    assert len(cuts) >= 15
    assert all((act.lasts_s == 0) == is_synced for act in cuts)


@pytest.mark.parametrize("store", [Store.BACK, Store.CUT])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_server_of_three_is_hit_while_all_stores_are_copied_and_put_back(seed: int, store: Store) -> None:
    """All must be whole for that, and whole again before the next fault."""
    found = acts(seed, store=store, has_nodes=True)
    for copy in (act for act in found if act.kind in {Kind.STORE_BACK, Kind.POWER_CUT}):
        for act in (each for each in found if each.kind in NODE_KINDS):
            end_s = act.at_s + act.lasts_s + NODE_RESTS_S
            assert end_s < copy.at_s or act.at_s > copy.at_s + copy.lasts_s + NODE_RESTS_S


@pytest.mark.parametrize("seed", SEEDS)
def test_three_servers_elect_before_it_is_noticed_that_their_stores_went_back(seed: int) -> None:
    """A reader is not hit for longer, and neither is a processor whose replacement would restart one."""
    found = acts(seed, store=Store.BACK, has_nodes=True)
    copies = [act for act in found if act.kind is Kind.STORE_BACK]
    assert len(copies) >= 9
    for copy in copies:
        back_s = copy.at_s + copy.lasts_s
        for act in found:
            if (act.kind in HITS and act.target == "dispatcher-1") or act.kind is Kind.REPLACE:
                ends_s = act.at_s + act.lasts_s
                assert act.at_s > back_s + NOTICED_BY_THREE_AFTER_S or ends_s < back_s - NOTICED_BEFORE_S
