"""The switchboard counts faults, and remembers recent bookings."""

import json

from sandbox.processor.faults import Call, Fault, Plan
from sandbox.processor.switchboard import Recent, Switchboard


def test_an_id_is_recent_until_its_age_is_reached() -> None:
    """An id that was never booked is not recent."""
    recent = Recent(100)
    recent.add("a", 1_000)
    assert recent.has("a", 1_099)
    assert not recent.has("a", 1_100)
    assert not recent.has("b", 1_000)


def test_discarded_id_is_not_recent() -> None:
    """It is found at once; discarding an absent id does no harm."""
    recent = Recent(100)
    recent.add("a", 0)
    recent.discard("a")
    recent.discard("b")
    assert not recent.has("a", 1)


def test_recent_ids_are_dropped_after_a_while() -> None:
    """However many ids come, only the recent ones are kept, and one that is booked again counts as new."""
    recent = Recent(10)
    recent.add("again", 0)
    for now_ms in range(1_000):
        recent.add(str(now_ms), now_ms)
        if now_ms == 5:
            recent.add("again", now_ms)
    assert len(recent) == 10
    assert not recent.has("again", 999)


def test_a_new_plan_restarts_the_numbering_and_continues_the_counts() -> None:
    """The same plan decides the same twice; earlier counts remain."""
    plan = Plan(7, {Fault.UNREAD: 0.5})
    switchboard = Switchboard()
    rounds = []
    for _ in range(2):
        switchboard.switch(plan)
        rounds.append([switchboard.next_fault(Call.CHARGE) for _ in range(50)])
        switchboard.count(Fault.UNREAD)
    assert rounds[0] == rounds[1]
    assert json.loads(switchboard.report())["done"]["unread"] == 2


def test_report_has_everything() -> None:
    """The plan, the count of every fault, and what is held."""
    switchboard = Switchboard()
    switchboard.switch(Plan(7, {Fault.UNREAD: 0.5}, 1, 2, 3))
    switchboard.held = 4
    switchboard.redirects_followed = 5
    assert json.loads(switchboard.report()) == {
        "seed": 7,
        "rates": {"unread": 0.5},
        "late_ms": 1,
        "stale_ms": 2,
        "byte_ms": 3,
        "done": dict.fromkeys(Fault, 0),
        "held": 4,
        "redirects_followed": 5,
    }
