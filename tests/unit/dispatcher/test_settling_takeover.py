"""Section 5, rules 3 and 4: a payment that may have been in other hands."""

import asyncio

import pytest
from msgspec.structs import replace

from services.contracts.money import Cents
from services.dispatcher.core.binding import BoundTo
from services.dispatcher.core.outcome import Booked, Found, NotBooked, Unknown
from tests.unit.dispatcher.fakes import BOOKED, DEAR, HOME, ID, NOON, SETTLED, Delivered, Dispatcher

RECORDED = Found(Cents(1990), NOON)


@pytest.fixture
def dispatcher() -> Dispatcher:
    """A dispatcher with nothing in hand."""
    return Dispatcher()


async def test_a_settled_suspect_is_acked_without_any_call(dispatcher: Dispatcher) -> None:
    """It was settled, and only its ack was lost."""
    dispatcher.records.settled[ID] = SETTLED
    await dispatcher.deliver(num_delivered=2)
    assert dispatcher.noted == ["find_settlement", "ack handle"]
    assert not dispatcher.traffic.in_hand


async def test_an_id_accepted_anew_is_acked_after_a_settlement_of_that_sequence(dispatcher: Dispatcher) -> None:
    """The mark after a server that forgot rests on a settlement for each sequence that left the queue."""
    dispatcher.records.settled[ID] = SETTLED
    dispatcher.records.stores_failing = 1
    await dispatcher.deliver(seq=7, num_delivered=2)
    assert dispatcher.noted == ["find_settlement", "store dear", "store dear", "ack handle"]
    assert dispatcher.records.events == [replace(SETTLED, payment_seq=7)]
    assert not dispatcher.traffic.in_hand


async def test_a_suspect_is_taken_over_before_it_is_sent(dispatcher: Dispatcher) -> None:
    """Its binding is written anew, so that whoever held it before can no longer move it; then it goes there."""
    dispatcher.home.outcomes.append(Booked(recorded=RECORDED))
    await dispatcher.deliver(num_delivered=2)
    assert dispatcher.noted == ["find_settlement", "find_binding", "bind home"]
    assert dispatcher.records.bindings[ID] == BoundTo(HOME, 11)
    assert await dispatcher.time_passes(0) == [HOME]
    assert dispatcher.noted[3:] == ["charge home", "store home", "ack handle"]


async def test_a_suspect_is_sent_where_its_binding_says(dispatcher: Dispatcher) -> None:
    """Whoever moved it may have charged it there."""
    dispatcher.records.bindings[ID] = BoundTo(DEAR, 7)
    dispatcher.dear.outcomes.append(Booked(recorded=RECORDED))
    await dispatcher.deliver(num_delivered=2)
    assert dispatcher.records.bindings[ID] == BoundTo(DEAR, 11)
    assert await dispatcher.time_passes(0) == [DEAR]
    assert not dispatcher.home.stamps


async def test_a_suspect_overtaken_by_another_is_let_go(dispatcher: Dispatcher) -> None:
    """The compare-and-set fails: somebody else holds it, so nothing is sent, and it comes again."""
    dispatcher.records.overtaken_by = DEAR
    await dispatcher.deliver(num_delivered=2)
    assert dispatcher.noted == ["find_settlement", "find_binding", "bind home", "nak handle"]
    assert not dispatcher.traffic.in_hand
    assert await dispatcher.time_passes() == []


async def test_a_suspect_never_moves(dispatcher: Dispatcher) -> None:
    """Not even after a definite NotBooked here, and past every deadline: earlier attempts are not known."""
    dispatcher.home.outcomes.extend([NotBooked("500")] * 4)
    await dispatcher.deliver(num_delivered=2)
    for _ in range(4):
        dispatcher.clock.ms += 60_000
        assert await dispatcher.time_passes(0) == [HOME]
        dispatcher.clock.ms += 60_000
        dispatcher.close_home()
        assert await dispatcher.time_passes(0) == []
    assert "bind dear" not in dispatcher.noted
    assert not dispatcher.dear.stamps


@pytest.mark.parametrize("away", ["find_settlement", "find_binding", "bind"])
async def test_a_suspect_that_cannot_be_told_apart_now_is_given_back(dispatcher: Dispatcher, away: str) -> None:
    """NATS does not answer: nothing is sent, and the delivery comes again."""
    dispatcher.records.away.add(away)
    await dispatcher.deliver(num_delivered=2)
    assert dispatcher.noted[-1] == "nak handle"
    assert not dispatcher.traffic.in_hand
    assert await dispatcher.time_passes() == []


async def test_a_first_delivery_up_to_the_mark_is_suspect(dispatcher: Dispatcher) -> None:
    """A killed server may have forgotten that it had delivered it before."""
    dispatcher.settling.read_mark(5)
    await dispatcher.deliver(seq=5)
    assert dispatcher.noted == ["find_settlement", "find_binding", "bind home"]


async def test_a_first_delivery_beyond_the_mark_is_fresh(dispatcher: Dispatcher) -> None:
    """Nobody can have had it: it is routed, and nothing is asked."""
    dispatcher.settling.read_mark(5)
    await dispatcher.deliver(seq=6)
    assert dispatcher.noted == []
    assert dispatcher.traffic.waiting == 1


async def test_a_first_delivery_with_a_known_binding_is_suspect(dispatcher: Dispatcher) -> None:
    """The id was moved once, in an earlier acceptance: it is looked up, and never sent home unasked."""
    dispatcher.records.bindings[ID] = BoundTo(DEAR, 7)
    dispatcher.records.settled[ID] = SETTLED
    await dispatcher.deliver()
    assert dispatcher.noted == ["find_settlement", "ack handle"]


async def test_a_suspect_bound_to_a_processor_unknown_here_is_sent_nowhere(dispatcher: Dispatcher) -> None:
    """Only that processor may be asked, and it is not in the settings: a person must look at it."""
    dispatcher.records.bindings[ID] = BoundTo("removed", 7)
    await dispatcher.deliver(num_delivered=2)
    assert dispatcher.noted == ["find_settlement", "find_binding", "nak handle"]
    assert await dispatcher.time_passes() == []


async def test_a_redelivery_during_the_takeover_does_not_start_a_second_one(dispatcher: Dispatcher) -> None:
    """It is in hand from the moment of its delivery, before anything was asked."""
    dispatcher.settling.deliver(_delivered("first"))
    await dispatcher.deliver(num_delivered=3, handle="second")
    assert dispatcher.noted == ["find_settlement", "find_binding", "bind home"]
    assert dispatcher.payment.handle == "second"


async def test_stopping_gives_back_what_is_in_hand(dispatcher: Dispatcher) -> None:
    """Calls under way may end first; what remains comes again at once, to another dispatcher."""
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.home.gate = asyncio.Event()
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    dispatcher.home.gate.set()
    await dispatcher.settling.finish(1)
    assert dispatcher.noted == ["charge home", "store home", "ack handle"]
    await dispatcher.deliver(seq=2, data=_delivered("").data.replace(b"0001", b"0002"), handle="waits")
    await dispatcher.settling.finish(1)
    assert dispatcher.noted[3:] == ["nak waits at once"]


async def test_a_delivery_that_comes_while_stopping_is_given_back_at_once(dispatcher: Dispatcher) -> None:
    """A pull that was under way may still deliver; nobody would ever work on it here."""
    await dispatcher.settling.finish(1)
    await dispatcher.deliver()
    assert dispatcher.noted == ["nak handle at once"]
    assert not dispatcher.traffic.in_hand


async def test_a_bound_payment_whose_binding_was_written_anew_is_let_go(dispatcher: Dispatcher) -> None:
    """Another dispatcher took it over, or an operator released it: it is not sent again from here."""
    dispatcher.home.outcomes.append(Unknown("timeout"))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    dispatcher.records.bindings[ID] = BoundTo(DEAR, 99)
    await dispatcher.time_passes()
    assert dispatcher.noted == ["charge home", "find_binding"]
    assert not dispatcher.traffic.in_hand
    assert dispatcher.traffic.evidence(HOME).in_flight == 0


async def test_a_fresh_payment_taken_over_meanwhile_is_not_sent_again(dispatcher: Dispatcher) -> None:
    """NotBooked here, frozen, taken over, perhaps released: its binding is read before it is sent again."""
    dispatcher.home.outcomes.append(NotBooked("500"))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    dispatcher.records.bindings[ID] = BoundTo(HOME, 99)
    await dispatcher.time_passes()
    assert dispatcher.noted == ["charge home", "find_binding"]
    assert not dispatcher.traffic.in_hand


async def test_a_bound_payment_is_not_sent_again_while_its_binding_cannot_be_read(dispatcher: Dispatcher) -> None:
    """It is given back and comes again."""
    dispatcher.home.outcomes.append(Unknown("timeout"))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    dispatcher.records.away.add("find_binding")
    await dispatcher.time_passes()
    assert dispatcher.noted == ["charge home", "find_binding", "nak handle"]


def _delivered(handle: str) -> Delivered:
    return Delivered(num_delivered=2, handle=handle)
