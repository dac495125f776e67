"""The schedule of faults: all of it follows from the seed, within bounds in which the stack survives."""

import itertools
from random import Random

import orjson
import pytest

from sandbox.chaos.fault_mix import random_fault_mix
from sandbox.chaos.hit_schedule import DEATHS_MAX, REST_S, WINDOW_S
from sandbox.chaos.planned_fault import NODE_KINDS, FaultGroup, FaultKind, PlanInputs, PlannedFault
from sandbox.chaos.planner import plan
from sandbox.processor.faults import Fault, FaultPlan, read_fault_plan

ALL = frozenset(FaultGroup)
SERVICES = ("nats", "ledger", "balancer", "ingress-1", "ingress-2", "dispatcher-1")
PROCESSORS = ("default", "fallback")
DEADLY = (FaultKind.KILL, FaultKind.RESTART)
HITS = (*DEADLY, FaultKind.FREEZE)
SEEDS = range(20)


def inputs(minutes: float = 10) -> PlanInputs:
    """A run of that length."""
    return PlanInputs(minutes * 60, SERVICES, PROCESSORS, ack_wait_s=3, call_timeout_s=1.5)


def hits(faults: tuple[PlannedFault, ...], part: str) -> list[PlannedFault]:
    """Return the hits of one part's process."""
    return [fault for fault in faults if fault.target == part and fault.kind in HITS]


def is_reconfigured(fault: PlannedFault, part: str) -> bool:
    """Whether the part is started with other settings at the beginning, and without them at the end."""
    return fault.kind is FaultKind.RECONFIGURE and fault.target == part


def test_the_same_seed_gives_the_same_faults_and_another_one_others() -> None:
    """A run can be repeated."""
    assert plan(7, inputs(), ALL) == plan(7, inputs(), ALL)
    assert plan(7, inputs(), ALL) != plan(8, inputs(), ALL)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_part_dies_more_often_than_the_supervisor_accepts(seed: int) -> None:
    """In no window of a minute are there more deaths of one part than allowed."""
    faults = plan(seed, inputs(), ALL)
    for part in (*SERVICES, *PROCESSORS):
        deaths = [fault.at_s for fault in hits(faults, part) if fault.kind in DEADLY]
        deaths += [
            end_s
            for fault in faults
            if is_reconfigured(fault, part)
            for end_s in (fault.at_s, fault.at_s + fault.lasts_s)
        ]
        for death in deaths:
            assert sum(death <= other < death + WINDOW_S for other in deaths) <= DEATHS_MAX


@pytest.mark.parametrize("seed", SEEDS)
def test_no_part_is_hit_before_it_has_recovered(seed: int) -> None:
    """Between two hits of one part lies the first one's length and a rest."""
    faults = plan(seed, inputs(), ALL)
    for part in (*SERVICES, *PROCESSORS):
        found = hits(faults, part)
        for one, next_one in itertools.pairwise(found):
            assert next_one.at_s >= one.at_s + one.lasts_s + REST_S


@pytest.mark.parametrize("seed", SEEDS)
def test_ten_minutes_have_sixty_kills_and_freezes_and_every_kind_of_fault(seed: int) -> None:
    """A long run is worthwhile with any seed."""
    faults = plan(seed, inputs(), ALL)
    assert sum(fault.kind in (FaultKind.KILL, FaultKind.FREEZE) for fault in faults) >= 60
    assert {fault.kind for fault in faults} == set(FaultKind) - {FaultKind.STORE_BACK, FaultKind.POWER_CUT} - NODE_KINDS


@pytest.mark.parametrize("seed", SEEDS)
def test_faults_come_in_order_and_are_over_when_the_load_ends(seed: int) -> None:
    """None is under way after that."""
    faults = plan(seed, inputs(1), ALL)
    assert [fault.at_s for fault in faults] == sorted(fault.at_s for fault in faults)
    assert all(fault.at_s >= 0 and fault.at_s + fault.lasts_s <= 60 for fault in faults)


@pytest.mark.parametrize(
    "group", [FaultGroup.PROCESSOR, FaultGroup.PROFILE, FaultGroup.NETWORK, FaultGroup.FULL, FaultGroup.CLOCKS]
)
def test_leaving_a_group_out_changes_nothing_for_the_others(group: FaultGroup) -> None:
    """Each group has its own dice."""
    alone = plan(7, inputs(), frozenset({group}))
    rest = plan(7, inputs(), ALL - {group})
    assert alone
    assert sorted([*alone, *rest], key=repr) == sorted(plan(7, inputs(), ALL), key=repr)


def test_no_group_is_a_run_without_faults() -> None:
    """For comparison, and to test the harness itself."""
    assert plan(7, inputs(), frozenset()) == ()


def test_some_freezes_are_longer_than_ack_wait_and_some_are_shorter() -> None:
    """Both are tested."""
    lengths = [fault.lasts_s for fault in plan(7, inputs(), ALL) if fault.kind is FaultKind.FREEZE]
    assert min(lengths) < 2
    assert max(lengths) > 3


def test_every_fault_mix_is_valid_for_a_processor() -> None:
    """Every mixture is valid, and affects charges."""
    dice = Random(7)  # noqa: S311  # not cryptography
    for _ in range(500):
        read = read_fault_plan(orjson.dumps(random_fault_mix(dice)))
        assert isinstance(read, FaultPlan)
        assert not read.has_no_faults


def test_every_fault_of_a_processor_is_in_some_fault_mix() -> None:
    """All but the one by which a processor that books others may have a payment refused for good."""
    dice = Random(7)  # noqa: S311  # not cryptography
    assert {name for _ in range(200) for name in random_fault_mix(dice)["rates"]} == set(Fault) - {Fault.BAD_REQUEST}
