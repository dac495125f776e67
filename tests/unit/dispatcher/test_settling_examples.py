"""What the random test found, kept as examples: in each a payment was lost, or charged or recorded twice."""

import asyncio

import pytest

from services.dispatcher.core.outcome import Refused
from services.dispatcher.flow import assigning
from tests.unit.dispatcher.dispatcher_flow import Dispatcher
from tests.unit.dispatcher.fakes import AT_HOME, BOOKED, HOME, ID, SETTLED, settle_down


async def test_at_the_stop_what_is_booked_but_not_stored_is_not_given_back(dispatcher: Dispatcher) -> None:
    """It would belong to nobody, with nothing in SETTLEMENTS to show that it was charged."""
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.settlements.stores_failing = 1_000_000
    await dispatcher.deliver()
    await dispatcher.time_passes(0)
    await dispatcher.flow.stop(0)
    assert "returned home/1" not in dispatcher.noted
    dispatcher.settlements.stores_failing = 0
    await settle_down()
    assert dispatcher.noted[-2:] == ["store home", "ack handle"]


async def test_a_message_that_was_deleted_before_it_was_read_is_published_again(
    dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others found its payments settled, or its author dead; what it requested must not wait for ever."""
    monkeypatch.setattr(assigning, "SENT_READ_WITHIN_S", 0.01)
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.assignments.unread = []
    await dispatcher.deliver()
    await dispatcher.time_passes(0)
    assert dispatcher.noted == ["send home/1"]
    dispatcher.assignments.unread = None
    await asyncio.sleep(0.05)
    assert dispatcher.noted == [*["send home/1"] * 2, "find", "charge home", "store home", "ack handle"]


async def test_a_refusal_is_not_recorded_of_what_others_have_settled_meanwhile(dispatcher: Dispatcher) -> None:
    """They may have taken it over, and deleted their lines before they were read here: only SETTLEMENTS shows it."""
    dispatcher.home.outcomes.extend([Refused("400"), Refused("400")])
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    dispatcher.clock.ms += 1
    dispatcher.attempting._refusals[AT_HOME].booked(dispatcher.clock.ms, dispatcher.traffic.in_hand)  # of another
    dispatcher.home.gate = asyncio.Event()
    await dispatcher.time_passes()
    dispatcher.settlements.settled[ID] = SETTLED
    dispatcher.home.gate.set()
    await settle_down()
    assert dispatcher.noted[-3:] == ["refused home/1", "find", "nak handle"]
    assert not dispatcher.settlements.events
