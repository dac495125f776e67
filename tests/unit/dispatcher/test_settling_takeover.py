"""Section 5, rules 3 to 5: a payment that another process had in hand before."""

import pytest

from services.contracts.assignments import Line
from services.contracts.money import Cents
from services.dispatcher.core.outcome import Absent, Booked, Found, LookupFailed, NotBooked
from tests.unit.dispatcher.dispatcher_flow import Dispatcher
from tests.unit.dispatcher.fakes import AT_HOME, DEAR, HOME, ID, ME, NOON, OTHER, SETTLED

RECORDED = Found(Cents(1990), NOON)


async def test_an_inherited_payment_found_settled_is_acked_without_any_call(dispatcher: Dispatcher) -> None:
    """It was settled, and only its ack was lost; both its messages may be deleted."""
    dispatcher.inherited()
    dispatcher.settlements.settled[ID] = SETTLED
    await dispatcher.deliver()
    await dispatcher.time_passes()
    assert dispatcher.noted == ["send home/1", "find", "ack handle"]
    assert dispatcher.assignments.deleted == [1, 2]


async def test_an_inherited_payment_is_taken_over_looked_up_and_asked_about_before_it_is_sent(
    dispatcher: Dispatcher,
) -> None:
    """Its old owner can no longer move it; then SETTLEMENTS, then the processor, and only then the POST."""
    dispatcher.inherited()
    dispatcher.home.outcomes.append(Booked(recorded=RECORDED))
    dispatcher.home.lookups.append(Absent())
    await dispatcher.deliver()
    assert await dispatcher.time_passes() == [HOME]
    assert dispatcher.noted == ["send home/1", "find", "look_up home", "charge home", "store home", "ack handle"]
    assert dispatcher.counters.counts["taken_over"] == 1


async def test_an_inherited_payment_that_its_processor_has_is_settled_without_a_call(dispatcher: Dispatcher) -> None:
    """A processor that books and answers too late: the look-up shows it, with its stamp."""
    dispatcher.inherited()
    dispatcher.home.lookups.append(RECORDED)
    await dispatcher.deliver()
    await dispatcher.time_passes()
    assert dispatcher.noted == ["send home/1", "find", "look_up home", "store home", "ack handle"]
    assert not dispatcher.home.stamps


@pytest.mark.parametrize("said", [Absent(), LookupFailed("silence")])
async def test_an_inherited_payment_never_moves(dispatcher: Dispatcher, said: Absent | LookupFailed) -> None:
    """Not even after a definite NotBooked here, and past every deadline: earlier attempts are not known."""
    dispatcher.inherited()
    dispatcher.home.outcomes.extend([NotBooked("500")] * 4)
    dispatcher.home.lookups.extend([said] * 4)
    await dispatcher.deliver()
    for _ in range(4):
        dispatcher.clock.ms += 60_000
        assert await dispatcher.time_passes(0) == [HOME]
        dispatcher.clock.ms += 60_000
        dispatcher.close_home()
        assert await dispatcher.time_passes(0) == []
    assert not dispatcher.dear.stamps


async def test_a_payment_is_sent_where_its_last_line_says(dispatcher: Dispatcher) -> None:
    """The process that moved it may have charged it there."""
    dispatcher.others(Line(ID, 1, "home/1"), owner=OTHER)
    dispatcher.others(Line(ID, 1, "dear/1", after=1), owner=OTHER)
    dispatcher.dear.lookups.append(RECORDED)
    await dispatcher.deliver()
    assert await dispatcher.time_passes() == [DEAR]
    assert not dispatcher.home.stamps


async def test_another_url_under_the_same_name_is_another_processor(dispatcher: Dispatcher) -> None:
    """Assigned to a generation that no longer charges: sent nowhere, logged, and counted."""
    dispatcher.others(Line(ID, 1, "home/7"))
    await dispatcher.deliver()
    assert dispatcher.noted == ["nak handle"]
    assert dispatcher.counters.counts["assigned_elsewhere"] == 1


async def test_a_returned_payment_is_as_if_nobody_had_had_it(dispatcher: Dispatcher) -> None:
    """It is routed like any other, and its next line follows the one that returned it."""
    dispatcher.others(Line(ID, 1, "home/1"))
    dispatcher.others(Line(ID, 1, "home/1", after=1, kind="returned"))
    await dispatcher.deliver()
    assert dispatcher.traffic.waiting == 1
    await dispatcher.routed_to(DEAR)
    view = dispatcher.log.view(ID)
    assert view is not None
    assert (view.generation, view.first_hand_of) == ("dear/1", ME)


async def test_a_refusal_in_the_log_is_recorded_by_any_dispatcher_that_gets_the_payment(dispatcher: Dispatcher) -> None:
    """Its author was first-hand and knew every outcome: nothing is asked, and nothing is sent."""
    dispatcher.others(Line(ID, 1, "home/1"))
    dispatcher.others(Line(ID, 1, "home/1", after=1, kind="refused", detail="400 no"))
    await dispatcher.deliver()
    assert dispatcher.noted == ["store home", "ack handle"]


async def test_beyond_what_may_wait_for_one_processor_payments_wait_in_the_stream(dispatcher: Dispatcher) -> None:
    """A bulkhead: a dead processor's payments do not use another one's slots."""
    dispatcher.inherited()
    for number in range(256):
        dispatcher.traffic.evidence(AT_HOME).sent(float(number))
    await dispatcher.deliver()
    assert dispatcher.noted == ["nak handle"]
    assert not dispatcher.traffic.in_hand


async def test_what_another_settled_is_dropped_and_what_is_in_no_hands_is_counted(dispatcher: Dispatcher) -> None:
    """By a look-up, and only at the second run; slots are kept for what no process has in hand."""
    other_id = ID.replace("1", "2")
    dispatcher.others(Line(ID, 1, "home/1"), Line(other_id, 2, "home/1"))
    dispatcher.settlements.settled[ID] = SETTLED
    tidying = dispatcher.tidying
    await tidying.tidy()
    assert dispatcher.noted == []
    assert dispatcher.traffic._states[AT_HOME].unclaimed == 2
    await tidying.tidy()
    assert dispatcher.log.view(ID) is None
    assert dispatcher.log.view(other_id) is not None
    assert dispatcher.traffic._states[AT_HOME].unclaimed == 1
    assert not dispatcher.assignments.deleted, "the message still names a payment that is not settled"
