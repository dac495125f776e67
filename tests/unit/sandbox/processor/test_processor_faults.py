"""Seed, kind and number alone decide the fault of a call, as often as the rates say."""

import json
from collections import Counter

import pytest

from sandbox.processor.faults import CallKind, Fault, FaultPlan, decide, read_fault_plan
from sandbox.processor.payment import Malformed

CHARGES = {Fault.CLOSE_AFTER_BOOKING: 0.2, Fault.ERROR_AFTER_BOOKING: 0.1}


def decisions(plan: FaultPlan, call: CallKind, count: int = 500) -> list[Fault | None]:
    """The faults of the first calls of a kind."""
    return [decide(plan, call, number) for number in range(1, count + 1)]


def test_same_seed_decides_the_same() -> None:
    """Two plans with one seed agree on every call, two seeds do not."""
    assert decisions(FaultPlan(7, CHARGES), CallKind.CHARGE) == decisions(FaultPlan(7, CHARGES), CallKind.CHARGE)
    assert decisions(FaultPlan(7, CHARGES), CallKind.CHARGE) != decisions(FaultPlan(8, CHARGES), CallKind.CHARGE)


def test_faults_of_other_calls_change_nothing() -> None:
    """A charge has the same fault whatever the rates of look-ups and health."""
    more = {**CHARGES, Fault.LOOK_UP_CLOSE: 0.5, Fault.HEALTH_LIE: 1}
    assert decisions(FaultPlan(7, CHARGES), CallKind.CHARGE) == decisions(FaultPlan(7, more), CallKind.CHARGE)


def test_faults_occur_as_often_as_their_rates_say() -> None:
    """Of many calls each fault has its share, and the rest have none."""
    counted = Counter(decisions(FaultPlan(1, CHARGES), CallKind.CHARGE, 10_000))
    assert 1_800 < counted[Fault.CLOSE_AFTER_BOOKING] < 2_200
    assert 850 < counted[Fault.ERROR_AFTER_BOOKING] < 1_150
    assert set(counted) == {*CHARGES, None}


@pytest.mark.parametrize("call", CallKind)
def test_a_fault_affects_only_calls_of_its_kind(call: CallKind) -> None:
    """With all faults on, each affects one kind of call, and each kind of call has all of its faults."""
    met = {kind: set(decisions(FaultPlan(3, dict.fromkeys(Fault, 0.06)), kind)) - {None} for kind in CallKind}
    others = set().union(*(met[kind] for kind in CallKind if kind is not call))
    assert met[call]
    assert met[call] == set(Fault) - others


@pytest.mark.parametrize(("rate", "fault"), [(1, Fault.HEALTH_HANG), (0, None)])
def test_certain_fault_is_certain(rate: float, fault: Fault | None) -> None:
    """Rate 1 affects every call and rate 0 none."""
    assert set(decisions(FaultPlan(5, {Fault.HEALTH_HANG: rate}), CallKind.HEALTH)) == {fault}


def test_plan_is_decoded_as_it_is_encoded() -> None:
    """Every field is read; absent ones have their defaults, and an empty plan has no faults."""
    body = {"seed": 7, "rates": {"unread": 0.5}, "late_ms": 12_000, "stale_ms": 1, "byte_ms": 2}
    assert read_fault_plan(json.dumps(body).encode()) == FaultPlan(7, {Fault.UNREAD: 0.5}, 12_000, 1, 2)
    assert read_fault_plan(b"{}") == FaultPlan()
    assert FaultPlan().has_no_faults
    assert FaultPlan(rates={Fault.UNREAD: 0}).has_no_faults
    assert not FaultPlan(rates={Fault.UNREAD: 0.01}).has_no_faults


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"rates": []}', "not a JSON object"),
        ('{"rates": {"nonsense": 1}}', "nonsense is not a fault"),
        ('{"rates": {"unread": 1.1}}', "the rate of unread"),
        ('{"rates": {"unread": -0.1}}', "the rate of unread"),
        ('{"rates": {"unread": true}}', "the rate of unread"),
        ('{"rates": {"unread": "1"}}', "the rate of unread"),
        ('{"rates": {"unread": 0.6, "book_late": 0.6}}', "charge calls add up"),
        ('{"seed": 1.5}', "seed"),
        ('{"late_ms": -1}', "late_ms"),
        ('{"late_ms": 600001}', "late_ms"),
        ('{"later_ms": 1}', "later_ms is not known"),
    ],
)
def test_invalid_plan_is_refused_with_the_reason(body: str, why: str) -> None:
    """A wrong type, value or name is an error, instead of faults that never occur."""
    plan = read_fault_plan(body.encode())
    assert isinstance(plan, Malformed)
    assert why in plan.why


def test_rates_of_different_calls_are_not_added_up() -> None:
    """The rates of each kind of call may add up to 1, and ten tenths are 1."""
    charges = [fault for fault in Fault if not fault.startswith(("look_up", "health"))][:10]
    rates = dict.fromkeys(charges, 0.1) | {Fault.LOOK_UP_ERROR: 1, Fault.HEALTH_ERROR: 1}
    assert isinstance(read_fault_plan(json.dumps({"rates": rates}).encode()), FaultPlan)
