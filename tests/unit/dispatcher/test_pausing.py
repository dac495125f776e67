"""A paused processor: nothing new goes there, and what is assigned there is settled there."""

import asyncio

from services.contracts.assignments import AssignmentReleased
from services.contracts.money import Cents
from services.dispatcher.core.outcome import Absent, Found, NotBooked, Unknown
from tests.unit.dispatcher.dispatcher_flow import Dispatcher
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, BOOKED, DEAR, HOME, ID, NOON, settle_down

ANOTHER = ID.replace("1", "2")


def pause(dispatcher: Dispatcher, *names: str) -> None:
    """Pause these, and resume the others."""
    generations = {AT_HOME: HOME, AT_DEAR: DEAR}
    paused = [generation for generation, name in generations.items() if name in names]
    dispatcher.traffic.charge_at([each for each in generations if each not in paused], paused)


async def test_a_new_payment_goes_to_the_next_processor_at_once(dispatcher: Dispatcher) -> None:
    """A pause is not an outage that may end soon: not even a young payment waits for a paused processor."""
    pause(dispatcher, HOME)
    dispatcher.dear.outcomes.append(BOOKED)
    await dispatcher.deliver()
    assert await dispatcher.time_passes(0) == [DEAR]
    assert dispatcher.noted == ["send dear/1", "find", "charge dear", "store dear", "ack handle"]


async def test_what_was_being_assigned_when_it_was_paused_is_not_sent_there(dispatcher: Dispatcher) -> None:
    """Its line is read only after the pause: nothing was sent yet, so it moves."""
    dispatcher.assignments.unread = []
    dispatcher.dear.outcomes.append(BOOKED)
    await dispatcher.deliver()
    assert await dispatcher.time_passes(0) == [HOME]
    pause(dispatcher, HOME)
    dispatcher.assignments.catch_up()
    await settle_down()
    assert dispatcher.noted == [
        *("send home/1", "find"),
        *("send dear/1", "find", "charge dear", "store dear", "ack handle"),
    ]


async def test_what_is_in_doubt_there_is_asked_about_and_sent_there_again(dispatcher: Dispatcher) -> None:
    """It may have been charged there, so it may be charged nowhere else."""
    dispatcher.home.outcomes.append(Unknown("no answer"))
    dispatcher.home.lookups.extend([Absent(), Found(Cents(1990), NOON)])
    await dispatcher.deliver()
    assert await dispatcher.time_passes(0) == [HOME]
    pause(dispatcher, HOME)
    dispatcher.home.outcomes.append(Unknown("no answer"))
    assert await dispatcher.time_passes() == [HOME]
    assert dispatcher.noted[-2:] == ["look_up home", "charge home"]
    assert await dispatcher.time_passes() == [HOME]
    assert dispatcher.noted[-3:] == ["look_up home", "store home", "ack handle"]


async def test_what_others_left_in_doubt_there_is_settled_there(dispatcher: Dispatcher) -> None:
    """Also by a dispatcher that was started when it was already paused."""
    pause(dispatcher, HOME)
    dispatcher.inherited(HOME)
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    assert await dispatcher.time_passes() == [HOME]
    assert "charge home" in dispatcher.noted
    assert "charge dear" not in dispatcher.noted


async def test_what_it_did_not_book_goes_elsewhere_by_the_ordinary_rule(dispatcher: Dispatcher) -> None:
    """First-hand, and every attempt ended NotBooked."""
    dispatcher.home.outcomes.append(NotBooked("500"))
    dispatcher.dear.outcomes.append(BOOKED)
    dispatcher.home.gate = asyncio.Event()
    await dispatcher.deliver()
    assert await dispatcher.time_passes(0) == [HOME]
    pause(dispatcher, HOME)
    dispatcher.home.gate.set()
    await settle_down()
    assert dispatcher.noted[-5:] == ["send dear/1", "find", "charge dear", "store dear", "ack handle"]


async def test_while_all_are_paused_what_is_new_goes_back_and_what_is_assigned_does_not(dispatcher: Dispatcher) -> None:
    """So new payments do not take the places in hand that assigned ones need."""
    pause(dispatcher, HOME, DEAR)
    await dispatcher.deliver()
    assert dispatcher.noted == ["nak handle"]
    assert not dispatcher.traffic.in_hand
    dispatcher.inherited(HOME)
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    assert await dispatcher.time_passes() == [HOME]


async def test_while_all_are_paused_payments_are_fetched_for_what_is_assigned(dispatcher: Dispatcher) -> None:
    """As many as have free slots; and periodically one, which may be refused or settled already."""
    now_ms = dispatcher.clock.now_ms()
    assert dispatcher.traffic.fetchable(now_ms) > 7
    pause(dispatcher, HOME, DEAR)
    assert dispatcher.traffic.fetchable(now_ms) == 1
    dispatcher.traffic.note_unclaimed(AT_HOME, 7)
    assert dispatcher.traffic.fetchable(now_ms) == 7
    dispatcher.traffic.note_unclaimed(AT_HOME, 10_000)
    assert 7 < dispatcher.traffic.fetchable(now_ms) < 100


async def test_what_was_released_to_it_waits_until_it_is_resumed(dispatcher: Dispatcher) -> None:
    """The operator named it, so it goes nowhere else; and it was never sent there, so it does not go there either."""
    line = dispatcher.inherited(HOME)
    dispatcher.assignments.write(AssignmentReleased(ID, 1, line, DEAR, "", NOON))
    pause(dispatcher, DEAR)
    await dispatcher.deliver()
    assert dispatcher.noted == ["nak handle"]
    pause(dispatcher)
    dispatcher.dear.outcomes.append(BOOKED)
    await dispatcher.deliver()
    assert await dispatcher.time_passes() == [DEAR]


async def test_what_waits_in_hand_for_the_one_it_was_released_to_is_given_back_when_that_is_paused(
    dispatcher: Dispatcher,
) -> None:
    """It has no line there yet."""
    line = dispatcher.inherited(HOME)
    dispatcher.assignments.write(AssignmentReleased(ID, 1, line, DEAR, "", NOON))
    await dispatcher.deliver()
    pause(dispatcher, DEAR)
    assert await dispatcher.time_passes() == [DEAR]
    assert dispatcher.noted == ["nak handle"]
