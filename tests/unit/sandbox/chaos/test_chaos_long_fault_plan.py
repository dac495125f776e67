"""The long faults: one processor at a time, a part hit during an outage, and not too many."""

import itertools
from random import Random

import orjson
import pytest

from sandbox.chaos.hit_schedule import DEATHS_MAX, REST_S, HitSchedule
from sandbox.chaos.planned_fault import LONG_GROUPS, FaultGroup, FaultKind, PlanInputs, PlannedFault
from sandbox.chaos.planner import plan
from sandbox.processor.faults import FaultPlan, read_fault_plan

LONG_KINDS = (FaultKind.OUTAGE, FaultKind.SLOWER, FaultKind.REFUSAL, FaultKind.RELEASE, FaultKind.PAUSE)
SHORT_GROUPS = frozenset(FaultGroup) - LONG_GROUPS
SEEDS = range(20)
CALL_TIMEOUT_S = 1.5


def faults(
    seed: int, groups: frozenset[FaultGroup] = frozenset(FaultGroup), minutes: float = 10
) -> tuple[PlannedFault, ...]:
    """A run with two dispatchers."""
    services = ("nats", "ledger", "balancer", "ingress-1", "ingress-2", "dispatcher-1", "dispatcher-2")
    inputs = PlanInputs(minutes * 60, services, ("default", "fallback"), ack_wait_s=3, call_timeout_s=CALL_TIMEOUT_S)
    return plan(seed, inputs, groups)


def of_kind(found: tuple[PlannedFault, ...], *kinds: FaultKind) -> list[PlannedFault]:
    """Those of some kinds."""
    return [fault for fault in found if fault.kind in kinds]


@pytest.mark.parametrize("seed", SEEDS)
def test_one_processor_is_tried_at_a_time(seed: int) -> None:
    """The other one is expected to settle meanwhile."""
    for one, next_one in itertools.pairwise(of_kind(faults(seed), *LONG_KINDS)):
        assert next_one.at_s > one.at_s + one.lasts_s


@pytest.mark.parametrize("seed", SEEDS)
def test_something_is_hit_a_few_seconds_into_most_outages(seed: int) -> None:
    """An outage lasts 20 to 30 s, and a dispatcher or nats comes back in the middle of it."""
    found = faults(seed, frozenset({FaultGroup.OUTAGE}))
    outages = of_kind(found, FaultKind.OUTAGE)
    assert len(outages) > 10
    assert all(20 <= outage.lasts_s <= 30 for outage in outages)
    hit = [outage for outage in outages if outage.detail["hit_after_s"]]
    assert len(hit) > len(outages) * 0.8
    for outage in hit:
        first = next(fault for fault in found if fault.kind is not FaultKind.OUTAGE and fault.at_s >= outage.at_s)
        assert first.kind in (FaultKind.KILL, FaultKind.RESTART)
        assert first.target in ("nats", "dispatcher-1", "dispatcher-2")
        assert first.at_s - outage.at_s == pytest.approx(outage.detail["hit_after_s"], abs=0.001)


def test_a_slower_processor_is_slower_than_dispatchers_wait() -> None:
    """As its health shows, or not visible for one that books at once."""
    for fault in of_kind(faults(7), FaultKind.SLOWER):
        late_ms = (
            fault.detail["fault_mix"]["late_ms"] if "fault_mix" in fault.detail else fault.detail["profile"]["delay_ms"]
        )
        assert late_ms == 1_800


def test_a_release_is_to_another_processor_from_one_that_books_nothing() -> None:
    """Otherwise a second charge after the release would be no surprise."""
    for fault in of_kind(faults(7), FaultKind.RELEASE):
        assert fault.detail["to"] != fault.target
        assert set(fault.detail["fault_mix"]["rates"]) <= {"unread", "close_before_booking"}


def test_clocks_are_ahead_or_behind() -> None:
    """A minute ahead, and an hour behind."""
    assert {fault.detail["skew_s"] for fault in of_kind(faults(7), FaultKind.CLOCKS)} == {60.0, -3600.0}


def test_every_fault_mix_of_a_long_fault_is_valid_for_a_processor() -> None:
    """And it affects every payment."""
    for fault in of_kind(faults(7), *LONG_KINDS):
        if "fault_mix" in fault.detail:
            read = read_fault_plan(orjson.dumps(fault.detail["fault_mix"]))
            assert isinstance(read, FaultPlan)
            assert max(read.rates.values()) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_long_faults_barely_change_the_other_faults(seed: int) -> None:
    """As many hits as without them, within a fifth; and each kind of long fault within two minutes."""
    hits = (FaultKind.KILL, FaultKind.FREEZE, FaultKind.RESTART)
    alone, with_long_faults = (
        len(of_kind(faults(seed, groups), *hits)) for groups in (SHORT_GROUPS, frozenset(FaultGroup))
    )
    assert alone * 0.9 <= with_long_faults <= alone * 1.2
    assert len({fault.kind for fault in of_kind(faults(seed, LONG_GROUPS, minutes=2), *LONG_KINDS)}) >= 3


def test_no_other_hit_is_planned_close_to_one() -> None:
    """Neither right before it, when the part would be down, nor right after it."""
    schedule = HitSchedule(["nats"], longest_s=7)
    schedule.add("nats", 50.0, dies=True)
    dice = Random(1)  # noqa: S311  # not cryptography
    free = [at_s for at_s in range(100) if schedule.choose(dice, at_s, deaths=0) is not None]
    assert free == [at_s for at_s in range(100) if at_s <= 50 - 7 - REST_S or at_s >= 50 + REST_S]


def test_deaths_that_are_planned_for_later_count_too() -> None:
    """The supervisor counts them all, in whatever order they were planned."""
    schedule = HitSchedule(["nats", "ledger"], longest_s=1)
    for death_s in range(DEATHS_MAX):
        schedule.add("nats", 60.0 + death_s, dies=True)
    dice = Random(1)  # noqa: S311  # not cryptography
    assert {schedule.choose(dice, 30.0, deaths=1) for _ in range(20)} == {"ledger"}
    assert schedule.choose(dice, 30.0, deaths=1, among=("nats",)) is None
    assert schedule.choose(dice, 30.0, deaths=0, among=("nats",)) == "nats"
