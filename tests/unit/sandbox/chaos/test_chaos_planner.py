"""The schedule of faults: all of it follows from the seed, within bounds in which the stack survives."""

import itertools
from random import Random

import orjson
import pytest

from sandbox.chaos.acts import NODE_KINDS, Act, Group, Kind, Setting
from sandbox.chaos.moods import random_mood
from sandbox.chaos.planner import plan
from sandbox.chaos.victims import DEATHS_MAX, REST_S, WINDOW_S
from sandbox.processor.faults import Fault, FaultPlan, read_fault_plan

ALL = frozenset(Group)
SERVICES = ("nats", "ledger", "balancer", "ingress-1", "ingress-2", "dispatcher-1")
PROCESSORS = ("default", "fallback")
DEADLY = (Kind.KILL, Kind.RESTART)
HITS = (*DEADLY, Kind.FREEZE)
SEEDS = range(20)


def setting(minutes: float = 10) -> Setting:
    """A run of that length."""
    return Setting(minutes * 60, SERVICES, PROCESSORS, ack_wait_s=3, call_timeout_s=1.5)


def hits(acts: tuple[Act, ...], part: str) -> list[Act]:
    """Return the hits of one part's process."""
    return [act for act in acts if act.target == part and act.kind in HITS]


def is_reconfigured(act: Act, part: str) -> bool:
    """Whether the part is started with other settings at the beginning, and without them at the end."""
    return act.kind is Kind.RECONFIGURE and act.target == part


def test_the_same_seed_gives_the_same_faults_and_another_one_others() -> None:
    """A run can be repeated."""
    assert plan(7, setting(), ALL) == plan(7, setting(), ALL)
    assert plan(7, setting(), ALL) != plan(8, setting(), ALL)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_part_dies_more_often_than_the_supervisor_accepts(seed: int) -> None:
    """In no window of a minute are there more deaths of one part than allowed."""
    acts = plan(seed, setting(), ALL)
    for part in (*SERVICES, *PROCESSORS):
        deaths = [act.at_s for act in hits(acts, part) if act.kind in DEADLY]
        deaths += [end_s for act in acts if is_reconfigured(act, part) for end_s in (act.at_s, act.at_s + act.lasts_s)]
        for death in deaths:
            assert sum(death <= other < death + WINDOW_S for other in deaths) <= DEATHS_MAX


@pytest.mark.parametrize("seed", SEEDS)
def test_no_part_is_hit_before_it_has_recovered(seed: int) -> None:
    """Between two hits of one part lies the first one's length and a rest."""
    acts = plan(seed, setting(), ALL)
    for part in (*SERVICES, *PROCESSORS):
        found = hits(acts, part)
        for one, next_one in itertools.pairwise(found):
            assert next_one.at_s >= one.at_s + one.lasts_s + REST_S


@pytest.mark.parametrize("seed", SEEDS)
def test_ten_minutes_have_sixty_kills_and_freezes_and_every_kind_of_fault(seed: int) -> None:
    """A long run is worthwhile with any seed."""
    acts = plan(seed, setting(), ALL)
    assert sum(act.kind in (Kind.KILL, Kind.FREEZE) for act in acts) >= 60
    assert {act.kind for act in acts} == set(Kind) - {Kind.STORE_BACK, Kind.POWER_CUT} - NODE_KINDS


@pytest.mark.parametrize("seed", SEEDS)
def test_faults_come_in_order_and_are_over_when_the_load_ends(seed: int) -> None:
    """None is under way after that."""
    acts = plan(seed, setting(1), ALL)
    assert [act.at_s for act in acts] == sorted(act.at_s for act in acts)
    assert all(act.at_s >= 0 and act.at_s + act.lasts_s <= 60 for act in acts)


@pytest.mark.parametrize("group", [Group.PROCESSOR, Group.PROFILE, Group.NETWORK, Group.FULL, Group.CLOCKS])
def test_leaving_a_group_out_changes_nothing_for_the_others(group: Group) -> None:
    """Each group has its own dice."""
    alone = plan(7, setting(), frozenset({group}))
    rest = plan(7, setting(), ALL - {group})
    assert alone
    assert sorted([*alone, *rest], key=repr) == sorted(plan(7, setting(), ALL), key=repr)


def test_no_group_is_a_run_without_faults() -> None:
    """For comparison, and to test the harness itself."""
    assert plan(7, setting(), frozenset()) == ()


def test_some_freezes_are_longer_than_ack_wait_and_some_are_shorter() -> None:
    """Both are tested."""
    lengths = [act.lasts_s for act in plan(7, setting(), ALL) if act.kind is Kind.FREEZE]
    assert min(lengths) < 2
    assert max(lengths) > 3


def test_every_mood_is_valid_for_a_processor() -> None:
    """Every mixture is valid, and affects charges."""
    dice = Random(7)  # noqa: S311  # not cryptography
    for _ in range(500):
        read = read_fault_plan(orjson.dumps(random_mood(dice)))
        assert isinstance(read, FaultPlan)
        assert not read.has_no_faults


def test_every_fault_of_a_processor_is_in_some_mood() -> None:
    """All but the one by which a processor that books others may have a payment refused for good."""
    dice = Random(7)  # noqa: S311  # not cryptography
    assert {name for _ in range(200) for name in random_mood(dice)["rates"]} == set(Fault) - {Fault.BAD_REQUEST}
