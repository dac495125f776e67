"""Section 5, rules 1 and 2: a payment is assigned, then looked up, then sent, then settled, then acked."""

import asyncio

import pytest

from services.contracts.assignments import Line
from tests.unit.dispatcher.dispatcher_flow import Dispatcher
from tests.unit.dispatcher.fakes import AT_HOME, BOOKED, HOME, ID, NOON, SETTLED, settle_down


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
    """The PubAck alone does not show whether the line counts."""
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


async def test_after_a_lost_puback_the_same_message_is_published_again(dispatcher: Dispatcher) -> None:
    """Whether it was stored or not: no other decision is made before the first one is read."""
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.assignments.losing = 2
    await dispatcher.deliver()
    await dispatcher.time_passes(0)
    first, *again = dispatcher.assignments.published
    assert again == [first, first]
    assert dispatcher.noted == [*["send home/1"] * 3, "find", "charge home", "store home", "ack handle"]


async def test_a_line_that_is_read_although_its_puback_was_lost_counts(dispatcher: Dispatcher) -> None:
    """It was stored: it is not published again, and the payment is sent once."""
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.assignments.deaf = 1
    await dispatcher.deliver()
    await dispatcher.time_passes(0)
    assert len(dispatcher.home.stamps) == 1
    assert dispatcher.noted[-1] == "ack handle"


async def test_a_payment_whose_line_is_void_is_given_back(dispatcher: Dispatcher) -> None:
    """Another process was first: nothing is sent, and it is redelivered."""
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
    """Wherever and whenever it was charged: also an id that was accepted again."""
    dispatcher.settlements.settled[ID] = SETTLED
    await dispatcher.deliver(seq=7)
    await dispatcher.time_passes(0)
    assert dispatcher.noted == ["send home/1", "find", "ack handle"]
    assert not dispatcher.settlements.events
    assert dispatcher.assignments.deleted == [1]


async def test_a_look_up_without_an_answer_is_repeated_and_nothing_is_sent_before(dispatcher: Dispatcher) -> None:
    """The line is ours: no other process sends it meanwhile."""
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.settlements.away = 3
    await dispatcher.deliver()
    await dispatcher.time_passes(0)
    assert dispatcher.noted == ["send home/1", *["find"] * 4, "charge home", "store home", "ack handle"]


@pytest.mark.parametrize("seq", [1, 2])
async def test_a_redelivery_of_a_payment_in_hand_only_adds_an_ack_handle(dispatcher: Dispatcher, seq: int) -> None:
    """Also under another sequence: the call under way is the only one, and both are acked when it is settled."""
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
    """An operator must look at it: it is neither acked nor taken in hand, and it is counted."""
    await dispatcher.deliver(data=b"{}", handle="strange")
    assert dispatcher.noted == ["nak strange"]
    assert not dispatcher.traffic.in_hand
    assert dispatcher.counters.counts["unreadable"] == 1


async def test_another_machines_clock_shortens_a_wait_and_never_lengthens_it(dispatcher: Dispatcher) -> None:
    """The earliest of accepted, stored and delivered here; an acceptance ten minutes ahead counts as now."""
    dispatcher.clock.ms -= 600_000
    await dispatcher.deliver(pending=77)
    assert dispatcher.traffic.backlog == 77
    assert dispatcher.payment.since_ms == dispatcher.clock.ms


async def test_at_the_stop_every_delivery_in_hand_is_returned_at_once(dispatcher: Dispatcher) -> None:
    """Deliveries that come after it are returned at once."""
    await dispatcher.deliver()
    dispatcher.taking.stop()
    await dispatcher.attempting.finish(1.0)
    await dispatcher.deliver(handle="late")
    assert dispatcher.noted == ["nak handle at once", "nak late at once"]
    assert not dispatcher.traffic.in_hand


async def test_at_the_stop_what_is_booked_and_not_stored_is_not_returned(dispatcher: Dispatcher) -> None:
    """SETTLEMENTS is full or away: its line stays, so that its next owner asks, and charges nothing again."""
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.settlements.stores_failing = 10**9
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.attempting.finish(0.01)
    assert not [each for each in dispatcher.noted if each.startswith("returned")]
    assert "nak handle at once" in dispatcher.noted
