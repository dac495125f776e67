"""What is wrong with a pause: a new payment went to the processor, or one in doubt was not settled there."""

from collections.abc import Mapping

import pytest

from sandbox.chaos.audit import UnknownOutcome
from sandbox.chaos.pauses import (
    UNDISTURBED_LEAST_S,
    PauseCounts,
    ProcessorPause,
    counts,
    not_settled_there,
    sent_to_paused,
)
from sandbox.chaos.planned_fault import FaultGroup, FaultKind, PlanInputs
from sandbox.chaos.planner import plan
from sandbox.charges import Charge

OLD, NEW = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2))
PAUSE = ProcessorPause("default", known_s=100.0, healthy_s=105.0, until_s=120.0, held=frozenset({OLD}), served=True)
OFFERED = {OLD: 99.0, NEW: 100.5}


def charge(payment_id: str, at_s: float, processor: str = "default") -> Charge:
    """A booking at that time."""
    return Charge(processor, payment_id, 1, round(at_s * 1e6))


@pytest.mark.parametrize(
    ("payment_id", "at_s", "processor", "is_wrong"),
    [
        (NEW, 101.0, "default", True),
        (NEW, 119.9, "default", True),
        (NEW, 120.1, "default", False),  # after its end
        (NEW, 101.0, "fallback", False),
        (OLD, 101.0, "default", False),  # it may have been assigned before
    ],
)
def test_a_new_payment_at_a_paused_processor_is_found(
    payment_id: str, at_s: float, processor: str, *, is_wrong: bool
) -> None:
    """Whether it was booked there, or only sent there without an answer."""
    by_book = sent_to_paused([PAUSE], OFFERED, [charge(payment_id, at_s, processor)], [])
    by_log = sent_to_paused([PAUSE], OFFERED, [], [UnknownOutcome(payment_id, processor, at_s)])
    for found in (by_book, by_log):
        assert [each.id for each in found] == ([payment_id] if is_wrong else [])


@pytest.mark.parametrize(
    ("settled", "is_wrong"),
    [
        ({OLD: ("default", 110.0)}, False),
        ({OLD: ("default", 121.0)}, True),
        ({OLD: ("fallback", 110.0)}, True),
        ({}, True),
    ],
)
def test_a_payment_in_doubt_must_be_settled_there(settled: Mapping[str, tuple[str, float]], *, is_wrong: bool) -> None:
    """During the pause, since the processor serves again."""
    assert bool(not_settled_there([PAUSE], settled, [(104.0, 104.0)])) == is_wrong


def test_no_violation_about_a_processor_that_was_disturbed() -> None:
    """Nor about one that did not serve."""
    late_s = PAUSE.until_s - UNDISTURBED_LEAST_S + 1
    assert not_settled_there([PAUSE], {}, [(104.0, late_s)]) == []
    assert not_settled_there([PAUSE], {}, [(104.0, late_s - 2)]) != []
    assert not_settled_there([PAUSE._replace(served=False)], {}, []) == []


def test_the_report_counts_all_pauses_together() -> None:
    """Pauses, payments offered meanwhile, those in doubt and those settled."""
    assert counts([PAUSE, PAUSE], OFFERED, {OLD: ("default", 110.0)}) == PauseCounts(
        2, offered=2, held=2, settled_there=2
    )


def test_a_short_run_has_a_pause_with_a_hit_before_the_processor_is_well_again() -> None:
    """By command and by HTTP; a processor that hangs, drops or works well."""
    inputs = PlanInputs(60, ("nats", "dispatcher-1"), ("default", "fallback"), ack_wait_s=3, call_timeout_s=1.5)
    plans = [plan(seed, inputs, frozenset({FaultGroup.PAUSE})) for seed in range(20)]
    pauses = [[fault for fault in faults if fault.kind is FaultKind.PAUSE] for faults in plans]
    assert all(pauses)
    assert {fault.detail["by"] for faults in pauses for fault in faults} == {"command", "http"}
    assert {"fault_mix" in fault.detail for faults in pauses for fault in faults} == {True, False}
    for faults, (first, *_) in zip(plans, pauses, strict=True):
        hits = [fault.at_s - first.at_s for fault in faults if fault.kind is not FaultKind.PAUSE]
        assert any(3 <= after_s <= 7 for after_s in hits)
