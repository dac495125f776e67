"""Section 5, rules 3 and 4: where a payment may go after its first call, and where it may not."""

import pytest

from services.contracts.assignments import AssignmentReleased, GenerationClosed, Line
from services.dispatcher.core.outcome import Absent, NotBooked, Outcome, Refused, Unknown
from tests.unit.dispatcher.dispatcher_flow import Dispatcher
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, BOOKED, DEAR, HOME, ID, ME, NOON, OTHER

NOT_BOOKED = NotBooked("500")
UNKNOWN = Unknown("no answer")


async def test_a_payment_not_booked_goes_back_to_those_that_wait(dispatcher: Dispatcher) -> None:
    """It has no owner again, so that a restart during an outage inherits nothing of the queue."""
    dispatcher.home.outcomes.append(NOT_BOOKED)
    await dispatcher.deliver()
    for token in [dispatcher.traffic.evidence(AT_DEAR).sent(0) for _ in range(3)]:
        dispatcher.traffic.evidence(AT_DEAR).failed(token, dispatcher.clock.ms, at_once=True)
    await dispatcher.routed_to(HOME)
    assert dispatcher.noted == ["send home/1", "find", "charge home", "returned home/1"]
    view = dispatcher.log.view(ID)
    assert view is not None
    assert view.state == "free"
    assert dispatcher.traffic.waiting == 1
    assert dispatcher.payment.line == 0


async def test_a_payment_not_booked_past_its_deadline_moves_at_once_by_one_line(dispatcher: Dispatcher) -> None:
    """Its owner has it first-hand and knows every attempt's outcome: it is looked up, then sent to the other."""
    dispatcher.home.outcomes.append(NOT_BOOKED)
    dispatcher.dear.outcomes.append(BOOKED)
    await dispatcher.deliver()
    dispatcher.clock.ms += 60_000
    dispatcher.close_home()
    await dispatcher.routed_to(HOME)
    assert dispatcher.noted[2:] == ["charge home", "send dear/1", "find", "charge dear", "store dear", "ack handle"]
    assert dispatcher.counters.counts["moved"] == 1


async def test_unknown_outcome_is_never_sent_to_another_processor(dispatcher: Dispatcher) -> None:
    """It is sent again to the same one, however old it gets and although the other one serves, until it is booked."""
    dispatcher.home.outcomes.extend([UNKNOWN] * 6)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    for _ in range(5):
        dispatcher.clock.ms += 60_000
        dispatcher.close_home()
        assert await dispatcher.time_passes(0) == []
        assert await dispatcher.time_passes(60_000) == [HOME]
    assert not dispatcher.dear.stamps
    assert len(dispatcher.home.stamps) == 6
    assert dispatcher.payment.in_doubt


async def test_before_a_payment_is_sent_again_the_log_is_read_and_both_are_asked(dispatcher: Dispatcher) -> None:
    """A mark in the log, the look-up, the processor's own record; only then the POST."""
    dispatcher.home.outcomes.extend([UNKNOWN, UNKNOWN])
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    dispatcher.noted.clear()
    assert await dispatcher.time_passes() == [HOME]
    assert dispatcher.noted == ["mark", "find", "look_up home", "charge home"]
    assert dispatcher.assignments.deleted == [2], "the mark names no payment"


async def test_one_unknown_among_many_attempts_binds(dispatcher: Dispatcher) -> None:
    """Definite outcomes after it change nothing."""
    dispatcher.home.outcomes.extend([UNKNOWN, NOT_BOOKED, NOT_BOOKED])
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    for _ in range(2):
        assert await dispatcher.time_passes(60_000) == [HOME]
    assert dispatcher.traffic.known_processors(dispatcher.clock.ms)[HOME].bound_waiting == 1
    assert not dispatcher.dear.stamps


async def test_a_payment_taken_over_meanwhile_is_not_sent_again(dispatcher: Dispatcher) -> None:
    """Its line is no longer the last valid one."""
    dispatcher.home.outcomes.append(UNKNOWN)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    dispatcher.others(Line(ID, 1, "home/1", after=1))
    dispatcher.noted.clear()
    await dispatcher.time_passes()
    assert dispatcher.noted == ["mark", "find", "nak handle"]
    assert not dispatcher.traffic.in_hand


async def test_a_released_payment_is_not_sent_to_its_old_processor_again(dispatcher: Dispatcher) -> None:
    """From the release on it has no owner; then it goes to the processor that the operator named, and to no other."""
    dispatcher.inherited(HOME)
    await dispatcher.deliver()
    dispatcher.assignments.write(AssignmentReleased(ID, 1, 1, DEAR, "gone", NOON))
    assert await dispatcher.time_passes() == [HOME]
    assert dispatcher.noted == ["nak handle"]
    dispatcher.dear.lookups.append(Absent())
    dispatcher.dear.outcomes.append(BOOKED)
    await dispatcher.deliver(handle="again")
    assert await dispatcher.time_passes() == [DEAR]
    assert dispatcher.noted[1:4] == ["send dear/1", "find", "look_up dear"]
    assert not dispatcher.home.stamps


@pytest.mark.parametrize("outcome", [NOT_BOOKED, Refused("400")], ids=["failed", "refused"])
async def test_a_released_payment_stays_where_the_operator_sent_it(dispatcher: Dispatcher, outcome: Outcome) -> None:
    """Its old processor may have charged it: no third may, it is not sent back, and no refusal is the end of it."""
    line = dispatcher.inherited(HOME)
    dispatcher.assignments.write(AssignmentReleased(ID, 1, line, DEAR, "gone", NOON))
    dispatcher.dear.lookups.extend([Absent()] * 9)
    dispatcher.dear.outcomes.extend([outcome] * 2)
    await dispatcher.deliver()
    for _ in range(2):
        assert await dispatcher.time_passes(60_000) == [DEAR]
    assert not dispatcher.home.stamps
    assert dispatcher.payment.in_doubt
    view = dispatcher.log.view(ID)
    assert view is not None
    assert (view.state, view.generation) == ("assigned", AT_DEAR)


async def test_a_payment_in_hand_that_was_released_meanwhile_is_in_doubt(dispatcher: Dispatcher) -> None:
    """It came before others had assigned it, as one of two sequences does: what they sent may be booked."""
    await dispatcher.deliver()
    line = dispatcher.others(Line(ID, 2, AT_HOME))
    dispatcher.assignments.write(AssignmentReleased(ID, 2, line, DEAR, "gone", NOON))
    dispatcher.dear.lookups.append(Absent())
    dispatcher.dear.outcomes.append(NOT_BOOKED)
    await dispatcher.routed_to(DEAR)
    assert dispatcher.payment.in_doubt
    view = dispatcher.log.view(ID)
    assert view is not None
    assert (view.state, view.generation) == ("assigned", AT_DEAR)


async def test_a_closed_generation_gets_nothing_new(dispatcher: Dispatcher) -> None:
    """A first line there is void, whatever this dispatcher had read."""
    dispatcher.assignments.write(GenerationClosed("home/1"))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert dispatcher.noted == ["send home/1", "nak handle"]


async def test_a_payment_is_sent_again_only_after_a_backoff(dispatcher: Dispatcher) -> None:
    """A failing processor is not called again at once."""
    dispatcher.home.outcomes.append(UNKNOWN)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert await dispatcher.time_passes(399) == []


async def test_a_live_owner_keeps_its_payment(dispatcher: Dispatcher) -> None:
    """What a live process has in hand is not inherited."""
    dispatcher.alive.add(OTHER)
    dispatcher.inherited()
    await dispatcher.deliver()
    assert dispatcher.noted == ["nak handle"]
    dispatcher.alive.clear()
    await dispatcher.deliver(handle="again")
    assert dispatcher.payment.in_doubt


async def test_an_own_payment_that_is_no_longer_in_hand_is_inherited(dispatcher: Dispatcher) -> None:
    """After an exception its attempts' outcomes are not known: it is as if another process had had it in hand."""
    dispatcher.others(Line(ID, 1, "home/1"), owner=ME)
    await dispatcher.deliver()
    assert dispatcher.payment.in_doubt
    assert dispatcher.payment.generation == AT_HOME
