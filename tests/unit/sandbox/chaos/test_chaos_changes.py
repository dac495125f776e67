"""Moves, replacements and stores put back are planned so that what they ask can be answered."""

import pytest

from sandbox.chaos.acts import NEW, REPLACED_MAX, Act, Group, Kind, Setting
from sandbox.chaos.changes import NOTICED_AFTER_S, NOTICED_BEFORE_S
from sandbox.chaos.planner import plan

SEEDS = range(20)
SERVICES = ("nats", "ledger", "balancer", "ingress-1", "ingress-2", "dispatcher-1")
HITS = (Kind.KILL, Kind.RESTART, Kind.FREEZE)


def acts(seed: int, groups: frozenset[Group] = frozenset(Group), *, store_goes_back: bool = False) -> tuple[Act, ...]:
    """Ten minutes with one dispatcher."""
    setting = Setting(600, SERVICES, ("default", "fallback"), 3, 1.5, store_goes_back=store_goes_back)
    return plan(seed, setting, groups)


@pytest.mark.parametrize("groups", [frozenset(Group), NEW | {Group.KILL}], ids=["all", "new"])
@pytest.mark.parametrize("seed", SEEDS)
def test_ten_minutes_have_sixty_kills(seed: int, groups: frozenset[Group]) -> None:
    """With all groups, with the new ones, and with the store put back as well."""
    assert sum(act.kind is Kind.KILL for act in acts(seed, groups)) >= 66
    assert sum(act.kind is Kind.KILL for act in acts(seed, groups, store_goes_back=True)) >= 60


@pytest.mark.parametrize("seed", SEEDS)
def test_processors_are_moved_and_a_few_replaced(seed: int) -> None:
    """Each one that was replaced goes on running, so that there are not many."""
    found = acts(seed)
    assert sum(act.kind is Kind.MOVE for act in found) >= 8
    assert sum(act.kind is Kind.REPLACE for act in found) <= REPLACED_MAX


@pytest.mark.parametrize("seed", SEEDS)
def test_a_store_goes_back_under_dispatchers_that_live_to_notice(seed: int) -> None:
    """Neither are they hit then, nor nats while it is copied."""
    found = acts(seed, store_goes_back=True)
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
def test_nothing_that_a_copy_cannot_tell_happens_before_it_is_back(seed: int) -> None:
    """Neither another address, nor a release, nor a limit that would be there for ever after."""
    found = acts(seed, store_goes_back=True)
    for copy in (act for act in found if act.kind is Kind.STORE_BACK):
        for act in found:
            if act.kind in (Kind.MOVE, Kind.REPLACE, Kind.RELEASE, Kind.PAYMENTS_FULL, Kind.SETTLEMENTS_FULL):
                assert act.at_s + act.lasts_s < copy.at_s or act.at_s > copy.at_s + copy.lasts_s
