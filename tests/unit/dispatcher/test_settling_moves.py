"""Section 5, rules 1, 2 and 5: where a payment in hand may go."""

import asyncio

import pytest
from msgspec.structs import replace

from services.contracts.events import PaymentAccepted, encode
from services.contracts.money import Cents
from services.dispatcher.core.binding import BoundTo
from services.dispatcher.core.outcome import NotBooked, Unknown
from tests.unit.dispatcher.fakes import BOOKED, DEAR, HOME, ID, NOON, SETTLED, Dispatcher, settle_down

NOT_BOOKED = NotBooked("500")
UNKNOWN = Unknown("no answer")


@pytest.fixture
def dispatcher() -> Dispatcher:
    """A dispatcher with nothing in hand."""
    return Dispatcher()


async def test_the_home_path_costs_nothing_extra(dispatcher: Dispatcher) -> None:
    """A fresh payment that goes home is charged, stored and acked, with no look-up and no binding."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    assert await dispatcher.time_passes(0) == [HOME]
    assert dispatcher.noted == ["charge home", "store home", "ack handle"]
    assert not dispatcher.traffic.in_hand


async def test_a_payment_is_looked_up_and_bound_before_it_is_sent_to_another_processor(dispatcher: Dispatcher) -> None:
    """In this order: is it settled already, bind it there, and only then charge it there."""
    dispatcher.dear.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(DEAR)
    assert dispatcher.noted == ["find_settlement", "bind dear", "charge dear", "store dear", "ack handle"]


async def test_a_payment_found_settled_is_acked_and_not_moved(dispatcher: Dispatcher) -> None:
    """It may have been settled in other hands after all."""
    await dispatcher.deliver()
    dispatcher.records.settled[ID] = SETTLED
    await dispatcher.routed_to(DEAR)
    assert dispatcher.noted == ["find_settlement", "ack handle"]
    assert not dispatcher.traffic.in_hand
    assert dispatcher.traffic.evidence(DEAR).in_flight == 0


async def test_an_id_accepted_anew_and_found_settled_gets_a_settlement_of_its_own(dispatcher: Dispatcher) -> None:
    """Its sequence leaves the queue, and the mark rests on a settlement for each that does."""
    await dispatcher.deliver(seq=7)
    dispatcher.records.settled[ID] = SETTLED
    await dispatcher.routed_to(DEAR)
    assert dispatcher.noted == ["find_settlement", "store dear", "ack handle"]
    assert dispatcher.records.events == [replace(SETTLED, payment_seq=7)]


async def test_a_conflict_on_moving_lets_the_delivery_go(dispatcher: Dispatcher) -> None:
    """Somebody took the payment over: it is neither charged nor acked here, and no longer in hand."""
    dispatcher.records.overtaken_by = HOME
    await dispatcher.deliver()
    await dispatcher.routed_to(DEAR)
    assert dispatcher.noted == ["find_settlement", "bind dear"]
    assert not dispatcher.traffic.in_hand
    assert dispatcher.traffic.evidence(DEAR).in_flight == 0


@pytest.mark.parametrize("away", ["find_settlement", "bind"])
async def test_a_payment_that_cannot_be_moved_for_sure_is_given_back(dispatcher: Dispatcher, away: str) -> None:
    """NATS does not answer: the binding may be written or not, so nothing is sent."""
    dispatcher.records.away.add(away)
    await dispatcher.deliver()
    await dispatcher.routed_to(DEAR)
    assert dispatcher.noted[-1] == "nak handle"
    assert not dispatcher.dear.stamps
    assert not dispatcher.traffic.in_hand
    assert dispatcher.traffic.evidence(DEAR).in_flight == 0


async def test_a_payment_not_booked_is_routed_again_and_may_move(dispatcher: Dispatcher) -> None:
    """Every attempt ended NotBooked: it may go wherever it is cheapest now."""
    dispatcher.home.outcomes.append(NOT_BOOKED)
    dispatcher.dear.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert dispatcher.traffic.waiting == 1
    await dispatcher.routed_to(DEAR)
    assert [event.processor for event in dispatcher.records.events] == [DEAR]


async def test_a_moved_payment_moves_back_by_the_revision_of_its_binding(dispatcher: Dispatcher) -> None:
    """Each move is a compare-and-set on the move before."""
    dispatcher.dear.outcomes.append(NOT_BOOKED)
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(DEAR)
    await dispatcher.routed_to(HOME)
    assert dispatcher.records.bindings[ID] == BoundTo(HOME, 12)
    assert [event.processor for event in dispatcher.records.events] == [HOME]


async def test_a_moved_payment_taken_over_by_another_does_not_move_back(dispatcher: Dispatcher) -> None:
    """The revision known is not the bucket's any more."""
    dispatcher.dear.outcomes.append(NOT_BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(DEAR)
    dispatcher.records.bindings[ID] = BoundTo(DEAR, 99)
    await dispatcher.routed_to(HOME)
    assert not dispatcher.home.stamps
    assert not dispatcher.traffic.in_hand


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
    assert [noted for noted in dispatcher.noted if noted != "find_binding"] == ["charge home"] * 6
    assert not dispatcher.payment.binding.may_move


async def test_a_payment_not_booked_moves_where_an_unknown_one_would_not(dispatcher: Dispatcher) -> None:
    """The same story with a definite outcome: past its deadline it goes to the one that serves."""
    dispatcher.home.outcomes.append(NOT_BOOKED)
    dispatcher.dear.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    dispatcher.clock.ms += 60_000
    dispatcher.close_home()
    assert await dispatcher.time_passes(0) == [DEAR]


async def test_one_unknown_among_many_attempts_binds(dispatcher: Dispatcher) -> None:
    """Definite outcomes before and after it do not set the payment free."""
    dispatcher.home.outcomes.extend([NOT_BOOKED, UNKNOWN, NOT_BOOKED, NOT_BOOKED])
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.routed_to(HOME)
    for _ in range(2):
        assert await dispatcher.time_passes(60_000) == [HOME]
    assert dispatcher.traffic.bound_waiting(HOME) == 1


async def test_a_payment_is_sent_again_only_after_a_backoff(dispatcher: Dispatcher) -> None:
    """A processor in trouble is not beaten."""
    dispatcher.home.outcomes.append(UNKNOWN)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert await dispatcher.time_passes(399) == []


async def test_a_redelivery_of_a_sequence_in_hand_only_replaces_the_ack_handle(dispatcher: Dispatcher) -> None:
    """The call under way is the only one, and its ack goes to the newest delivery."""
    dispatcher.home.gate = asyncio.Event()
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.deliver(num_delivered=2, handle="newer handle")
    dispatcher.home.gate.set()
    await settle_down()
    assert dispatcher.noted == ["charge home", "store home", "ack newer handle"]


async def test_the_same_id_in_another_sequence_waits(dispatcher: Dispatcher) -> None:
    """Accepted twice: the second comes again later, and finds then what became of the first."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.deliver(seq=2, handle="second")
    assert dispatcher.noted == ["nak second"]
    assert dispatcher.payment.seq == 1
    await dispatcher.routed_to(HOME)
    assert dispatcher.noted[1:] == ["charge home", "store home", "ack handle"]


async def test_what_is_not_a_payment_stays_where_it_is(dispatcher: Dispatcher) -> None:
    """A person must look at it: it is neither acked nor taken in hand."""
    await dispatcher.deliver(data=b"{}", handle="strange")
    assert dispatcher.noted == ["nak strange"]
    assert not dispatcher.traffic.in_hand


async def test_a_delivery_tells_of_the_stream(dispatcher: Dispatcher) -> None:
    """How many wait behind it, the largest sequence seen, and how old a payment is on the clock of the calls."""
    data = encode(PaymentAccepted(ID, Cents(1990), NOON))
    dispatcher.clock.ms += 2_500
    await dispatcher.deliver(seq=8, pending=77, data=data)
    assert dispatcher.traffic.backlog == 77
    assert dispatcher.settling.seq_seen == 8
    assert dispatcher.payment.accepted_ms == dispatcher.clock.ms - 2_500
