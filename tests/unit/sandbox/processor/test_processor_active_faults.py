"""The plan in effect and its counts, and the ids booked recently."""

import json

from sandbox.processor.active_faults import ActiveFaults, RecentBookings
from sandbox.processor.faults import CallKind, Fault, FaultPlan


def test_an_id_is_recent_until_its_age_is_reached() -> None:
    """An id that was never booked is not recent."""
    recent = RecentBookings(100)
    recent.add("a", 1_000)
    assert recent.has("a", 1_099)
    assert not recent.has("a", 1_100)
    assert not recent.has("b", 1_000)


def test_discarded_id_is_not_recent() -> None:
    """It is found at once; discarding an absent id does no harm."""
    recent = RecentBookings(100)
    recent.add("a", 0)
    recent.discard("a")
    recent.discard("b")
    assert not recent.has("a", 1)


def test_recent_ids_are_dropped_after_a_while() -> None:
    """However many ids come, only the recent ones are kept, and one that is booked again counts as new."""
    recent = RecentBookings(10)
    recent.add("again", 0)
    for now_ms in range(1_000):
        recent.add(str(now_ms), now_ms)
        if now_ms == 5:
            recent.add("again", now_ms)
    assert len(recent) == 10
    assert not recent.has("again", 999)


def test_a_new_plan_restarts_the_numbering_and_continues_the_counts() -> None:
    """The same plan decides the same twice; earlier counts remain."""
    plan = FaultPlan(7, {Fault.UNREAD: 0.5})
    active_faults = ActiveFaults()
    rounds = []
    for _ in range(2):
        active_faults.set_plan(plan)
        rounds.append([active_faults.next_fault(CallKind.CHARGE) for _ in range(50)])
        active_faults.count(Fault.UNREAD)
    assert rounds[0] == rounds[1]
    assert json.loads(active_faults.report())["done"]["unread"] == 2


def test_report_has_everything() -> None:
    """The plan, the count of every fault, and what is held."""
    active_faults = ActiveFaults()
    active_faults.set_plan(FaultPlan(7, {Fault.UNREAD: 0.5}, 1, 2, 3))
    active_faults.held = 4
    active_faults.redirects_followed = 5
    assert json.loads(active_faults.report()) == {
        "seed": 7,
        "rates": {"unread": 0.5},
        "late_ms": 1,
        "stale_ms": 2,
        "byte_ms": 3,
        "done": dict.fromkeys(Fault, 0),
        "held": 4,
        "redirects_followed": 5,
    }
