"""Section 5, rules 1 to 4: assign, then look, then send; and where a payment may go after that."""

import asyncio

import pytest

from services.contracts.assignments import AssignmentReleased, GenerationClosed, Line
from services.dispatcher.core.outcome import NotBooked, Unknown
from tests.unit.dispatcher.fakes import (
    AT_DEAR,
    AT_HOME,
    BOOKED,
    DEAR,
    HOME,
    ID,
    ME,
    NOON,
    OTHER,
    SETTLED,
    Dispatcher,
    settle_down,
)

NOT_BOOKED = NotBooked("500")
UNKNOWN = Unknown("no answer")


@pytest.fixture
def dispatcher() -> Dispatcher:
    """A dispatcher with nothing in hand."""
    return Dispatcher()


async def test_a_payment_is_assigned_then_looked_up_then_sent_then_settled_then_acked(dispatcher: Dispatcher) -> None:
    """In this order; and its message in the log is deleted at the end."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    assert await dispatcher.time_passes(0) == [HOME]
    assert dispatcher.noted == ["send home/1", "find", "charge home", "store home", "ack handle"]
    assert not dispatcher.traffic.in_hand
    assert dispatcher.assignments.deleted == [1]
    assert dispatcher.log.view(ID) is None


async def test_nothing_is_sent_before_its_line_is_read(dispatcher: Dispatcher) -> None:
    """The PubAck alone says nothing of whether the line counts."""
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.assignments.unread = []
    await dispatcher.deliver()
    await dispatcher.time_passes(0)
    assert dispatcher.noted == ["send home/1"]
    dispatcher.assignments.catch_up()
    await settle_down()
    assert dispatcher.noted[1:] == ["find", "charge home", "store home", "ack handle"]


async def test_one_message_holds_all_that_is_assigned_in_one_turn(dispatcher: Dispatcher) -> None:
    """And one look-up asks for all of them."""
    other_id = ID.replace("1", "2")
    dispatcher.home.outcomes.extend([BOOKED, BOOKED])
    dispatcher.others(Line(other_id, 2, "home/1"))
    await dispatcher.deliver()
    dispatcher.home.gate = asyncio.Event()
    payment = dispatcher.payment
    second = type(payment)(other_id, payment.amount_cents, NOON, payment.since_ms, 2, {2: "second"})
    dispatcher.traffic.take(second)
    dispatcher.traffic.to_route(second)
    assert await dispatcher.time_passes(0) == [HOME, HOME]
    assert dispatcher.noted[:3] == ["send home/1", "send home/1", "find"]
    assert len(dispatcher.assignments.published) == 1


async def test_a_lost_puback_has_the_very_same_message_published_again(dispatcher: Dispatcher) -> None:
    """Whether it was stored or not: no other decision is taken before the first one is read."""
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.assignments.losing = 2
    await dispatcher.deliver()
    await dispatcher.time_passes(0)
    first, *again = dispatcher.assignments.published
    assert again == [first, first]
    assert dispatcher.noted == [*["send home/1"] * 3, "find", "charge home", "store home", "ack handle"]


async def test_a_line_that_is_read_although_its_puback_was_lost_counts(dispatcher: Dispatcher) -> None:
    """It was stored: nothing is published again for long, and the payment is sent once."""
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.assignments.deaf = 1
    await dispatcher.deliver()
    await dispatcher.time_passes(0)
    assert len(dispatcher.home.stamps) == 1
    assert dispatcher.noted[-1] == "ack handle"


async def test_a_void_line_lets_the_payment_go(dispatcher: Dispatcher) -> None:
    """Another process was first: nothing is sent, and the delivery comes again."""
    dispatcher.assignments.unread = []
    await dispatcher.deliver()
    await dispatcher.time_passes(0)
    ours, dispatcher.assignments.unread = dispatcher.assignments.unread, None
    dispatcher.assignments.last_seq = 0
    dispatcher.others(Line(ID, 1, "dear/1"))
    dispatcher.assignments.read(ours[0][0], 2)
    await settle_down()
    assert dispatcher.noted == ["send home/1", "nak handle"]
    assert not dispatcher.traffic.in_hand
    assert dispatcher.traffic.evidence(AT_HOME).in_flight == 0


async def test_a_payment_found_settled_is_acked_and_not_sent(dispatcher: Dispatcher) -> None:
    """Wherever and whenever it was charged: also an id that was accepted anew."""
    dispatcher.settlements.settled[ID] = SETTLED
    await dispatcher.deliver(seq=7)
    await dispatcher.time_passes(0)
    assert dispatcher.noted == ["send home/1", "find", "ack handle"]
    assert not dispatcher.settlements.events
    assert dispatcher.assignments.deleted == [1]


async def test_a_look_up_without_an_answer_is_repeated_and_nothing_is_sent_before(dispatcher: Dispatcher) -> None:
    """The line is ours: nobody else sends it meanwhile."""
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.settlements.away = 3
    await dispatcher.deliver()
    await dispatcher.time_passes(0)
    assert dispatcher.noted == ["send home/1", *["find"] * 4, "charge home", "store home", "ack handle"]


async def test_a_payment_not_booked_goes_back_to_those_that_wait(dispatcher: Dispatcher) -> None:
    """It belongs to nobody again, so that a restart in an outage inherits no queue."""
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
    """Its owner, first-hand, with every attempt's outcome: the other processor, looked up before."""
    dispatcher.home.outcomes.append(NOT_BOOKED)
    dispatcher.dear.outcomes.append(BOOKED)
    await dispatcher.deliver()
    dispatcher.clock.ms += 60_000
    dispatcher.close_home()
    await dispatcher.routed_to(HOME)
    assert dispatcher.noted[2:] == ["charge home", "send dear/1", "find", "charge dear", "store dear", "ack handle"]
    assert dispatcher.tally.counts["moved"] == 1


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
    """Definite outcomes after it do not set the payment free."""
    dispatcher.home.outcomes.extend([UNKNOWN, NOT_BOOKED, NOT_BOOKED])
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    for _ in range(2):
        assert await dispatcher.time_passes(60_000) == [HOME]
    assert dispatcher.traffic.seen(dispatcher.clock.ms)[HOME].bound_waiting == 1
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
    """From the release on it belongs to nobody; then it goes where the operator said, and nowhere else."""
    dispatcher.inherited(HOME)
    await dispatcher.deliver()
    dispatcher.assignments.write(AssignmentReleased(ID, 1, 1, DEAR, "gone", NOON))
    assert await dispatcher.time_passes() == [HOME]
    assert dispatcher.noted == ["nak handle"]
    dispatcher.dear.outcomes.append(BOOKED)
    await dispatcher.deliver(handle="again")
    assert await dispatcher.time_passes() == [DEAR]
    assert dispatcher.noted[1:] == ["send dear/1", "find", "charge dear", "store dear", "ack again"]
    assert not dispatcher.home.stamps


async def test_a_closed_generation_gets_nothing_new(dispatcher: Dispatcher) -> None:
    """A first line there is void, whatever this dispatcher believed."""
    dispatcher.assignments.write(GenerationClosed("home/1"))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert dispatcher.noted == ["send home/1", "nak handle"]


async def test_a_payment_is_sent_again_only_after_a_backoff(dispatcher: Dispatcher) -> None:
    """A processor in trouble is not beaten."""
    dispatcher.home.outcomes.append(UNKNOWN)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert await dispatcher.time_passes(399) == []


@pytest.mark.parametrize("seq", [1, 2])
async def test_a_redelivery_of_a_payment_in_hand_only_adds_an_ack_handle(dispatcher: Dispatcher, seq: int) -> None:
    """Also under another sequence: the call under way is the only one, and both leave when it is settled."""
    dispatcher.home.gate = asyncio.Event()
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.deliver(seq=seq, handle="newer")
    dispatcher.home.gate.set()
    await settle_down()
    acks = [line for line in dispatcher.noted if line.startswith("ack")]
    assert acks == (["ack newer"] if seq == 1 else ["ack handle", "ack newer"])
    assert len(dispatcher.home.stamps) == 1


async def test_what_is_not_a_payment_stays_where_it_is(dispatcher: Dispatcher) -> None:
    """A person must look at it: it is neither acked nor taken in hand, and it is counted."""
    await dispatcher.deliver(data=b"{}", handle="strange")
    assert dispatcher.noted == ["nak strange"]
    assert not dispatcher.traffic.in_hand
    assert dispatcher.tally.counts["unreadable"] == 1


async def test_another_machines_clock_shortens_a_wait_and_never_lengthens_it(dispatcher: Dispatcher) -> None:
    """The earliest of accepted, stored and seen here; an acceptance in ten minutes is one of now."""
    dispatcher.clock.ms -= 600_000
    await dispatcher.deliver(pending=77)
    assert dispatcher.traffic.backlog == 77
    assert dispatcher.payment.since_ms == dispatcher.clock.ms


async def test_at_the_stop_what_is_inherited_stays_and_everything_is_given_back(dispatcher: Dispatcher) -> None:
    """Deliveries that come after it are given back at once."""
    await dispatcher.deliver()
    dispatcher.taking.stop()
    await dispatcher.attempting.finish(1.0)
    await dispatcher.deliver(handle="late")
    assert dispatcher.noted == ["nak handle at once", "nak late at once"]
    assert not dispatcher.traffic.in_hand


async def test_at_the_stop_what_is_booked_and_not_stored_is_not_returned(dispatcher: Dispatcher) -> None:
    """SETTLEMENTS is full or away: its line stays, so that whoever inherits it asks, and charges nobody again."""
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.settlements.stores_failing = 10**9
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.attempting.finish(0.01)
    assert not [each for each in dispatcher.noted if each.startswith("returned")]
    assert "nak handle at once" in dispatcher.noted


async def test_an_owner_that_is_alive_keeps_its_payment(dispatcher: Dispatcher) -> None:
    """Politely: what is in another's hands is not inherited for nothing."""
    dispatcher.alive.add(OTHER)
    dispatcher.inherited()
    await dispatcher.deliver()
    assert dispatcher.noted == ["nak handle"]
    dispatcher.alive.clear()
    await dispatcher.deliver(handle="again")
    assert dispatcher.payment.in_doubt


async def test_an_own_payment_that_was_lost_track_of_is_inherited(dispatcher: Dispatcher) -> None:
    """After an exception its attempts' outcomes are not known: it is as if another process had had it."""
    dispatcher.others(Line(ID, 1, "home/1"), owner=ME)
    await dispatcher.deliver()
    assert dispatcher.payment.in_doubt
    assert dispatcher.payment.generation == AT_HOME
