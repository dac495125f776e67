"""Section 5, rule 6: what is recorded of a payment, and that it is stored before it is acked."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from services.contracts.events import PaymentSettled
from services.contracts.money import Cents
from services.dispatcher.core.outcome import Absent, Booked, Found, LookupFailed, NotBooked, Unknown
from tests.unit.dispatcher.dispatcher_flow import Dispatcher
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, BOOKED, DEAR, HOME, ID, NOON, settle_down
from tests.unit.dispatcher.settlement_cases import EARLIER, RECORDED, settled


async def test_a_settlement_records_what_was_charged_where_and_when(dispatcher: Dispatcher) -> None:
    """The stamp recorded is the one that was sent."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver(seq=4)
    await dispatcher.routed_to(HOME)
    expected = PaymentSettled(ID, Cents(1990), HOME, requested_at=NOON, accepted_at=NOON, payment_seq=4)
    expected = replace(expected, booked_at=NOON + timedelta(milliseconds=10))  # what the call took
    assert settled(dispatcher) == expected


async def test_a_settlement_is_booked_when_the_answer_was_read(dispatcher: Dispatcher) -> None:
    """Not when its call resumed: a summary that was requested in between counts it."""
    read_at = NOON + timedelta(milliseconds=3)
    dispatcher.home.outcomes.append(Booked(None, read_at))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert settled(dispatcher).booked_at == read_at


async def test_what_a_look_up_found_is_booked_when_its_answer_was_read(dispatcher: Dispatcher) -> None:
    """The look-up's answer counts, not the POST's before it."""
    read_at = NOON + timedelta(milliseconds=3)
    dispatcher.home.outcomes.append(Booked(Found(Cents(1990), EARLIER, read_at)))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert settled(dispatcher).booked_at == read_at


async def test_each_attempt_has_its_own_stamp(dispatcher: Dispatcher) -> None:
    """After definite outcomes only, the stamp of the attempt that was booked is recorded, with no look-up."""
    dispatcher.traffic.evidence(AT_DEAR).broken(dispatcher.clock.ms)
    dispatcher.home.outcomes.extend([NotBooked("500"), NotBooked("500"), BOOKED])
    await dispatcher.deliver()
    for _ in range(3):
        await dispatcher.routed_to(HOME)
        dispatcher.clock.ms += 1_000
    assert len(set(dispatcher.home.stamps)) == 3
    assert settled(dispatcher).requested_at == dispatcher.home.stamps[2]
    assert "look_up home" not in dispatcher.noted


async def test_after_an_unknown_the_processors_own_record_counts(dispatcher: Dispatcher) -> None:
    """Booked and answered too late: it is not sent again, and the stamp is the one that was booked."""
    dispatcher.home.outcomes.append(Unknown("no answer"))
    dispatcher.home.lookups.append(RECORDED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.time_passes()
    assert settled(dispatcher).requested_at == EARLIER
    assert len(dispatcher.home.stamps) == 1


async def test_a_2xx_after_an_unknown_may_answer_for_the_earlier_attempt(dispatcher: Dispatcher) -> None:
    """Only GET returns which stamp was booked."""
    dispatcher.home.outcomes.extend([Unknown("no answer"), BOOKED])
    dispatcher.home.lookups.extend([Absent(), RECORDED])
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.time_passes()
    assert settled(dispatcher).requested_at == EARLIER
    assert len(dispatcher.home.stamps) == 2


async def test_after_a_takeover_the_processors_own_record_counts(dispatcher: Dispatcher) -> None:
    """An attempt of the previous owner may have been booked."""
    dispatcher.inherited()
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.home.lookups.extend([Absent(), RECORDED])
    await dispatcher.deliver()
    await dispatcher.time_passes()
    assert settled(dispatcher).requested_at == EARLIER


async def test_a_booking_found_by_look_up_is_recorded_as_found(dispatcher: Dispatcher) -> None:
    """422 and GET: the stamp is the one that the processor returns."""
    dispatcher.home.outcomes.append(Booked(recorded=RECORDED))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert settled(dispatcher).requested_at == EARLIER


async def test_a_record_that_cannot_be_read_is_not_guessed(dispatcher: Dispatcher) -> None:
    """The payment stays in doubt and unacked, and its processor is asked again until the record can be read."""
    dispatcher.home.outcomes.extend([Unknown("no answer"), BOOKED])
    dispatcher.home.lookups.extend([Absent(), LookupFailed("silence"), RECORDED])
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.time_passes()
    assert not dispatcher.settlements.events
    assert await dispatcher.time_passes() == [HOME]
    assert settled(dispatcher).requested_at == EARLIER


async def test_another_amount_is_recorded_as_charged_and_logged_as_an_error(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """The settlement has what was charged, and an operator must know."""
    dispatcher.home.outcomes.append(Booked(recorded=Found(Cents(1), EARLIER)))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert settled(dispatcher).amount_cents == 1
    assert dispatcher.counters.counts["amount_differs"] == 1
    assert [(record.levelname, record.message) for record in caplog.records] == [("ERROR", "payment.amount_differs")]


@pytest.mark.parametrize("stamp", [datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
async def test_a_stamp_far_from_the_payment_is_recorded_and_logged(
    stamp: datetime, dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """Summaries use what the processor recorded, whatever it is; it is logged for an operator."""
    dispatcher.home.outcomes.append(Booked(recorded=Found(Cents(1990), stamp)))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert settled(dispatcher).requested_at == stamp
    assert [record.message for record in caplog.records] == ["payment.stamp_is_far"]


async def test_a_settlement_is_stored_before_the_ack_however_long_it_takes(dispatcher: Dispatcher) -> None:
    """Each failure to store is followed by a wait and another try, never by an ack."""
    dispatcher.settlements.stores_failing = 3
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert dispatcher.noted == ["send home/1", "find", "charge home", *["store home"] * 4, "ack handle"]
    assert dispatcher.clock.slept == 3


async def test_an_exception_leaves_the_payment_unacked(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """It is redelivered, inherited; its slot is free, the processor stays open, and the exception is logged."""
    dispatcher.dear.outcomes.append(RuntimeError("a bug"))
    await dispatcher.deliver()
    await dispatcher.routed_to(DEAR)
    assert dispatcher.noted == ["send dear/1", "find", "charge dear"]
    assert not dispatcher.traffic.in_hand
    assert dispatcher.traffic.evidence(AT_DEAR).in_flight == 0
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    await dispatcher.deliver()
    assert dispatcher.payment.in_doubt
    assert dispatcher.payment.generation == AT_DEAR


async def test_nothing_is_left_of_a_payment_that_was_settled(dispatcher: Dispatcher) -> None:
    """No task, no slot, nothing in hand."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await asyncio.sleep(0)
    assert not dispatcher.tasks._tasks
    assert not dispatcher.traffic.in_hand
    assert dispatcher.traffic.evidence(AT_HOME).in_flight == 0


async def test_waiting_until_bookings_are_stored_waits_for_those_booked_so_far(dispatcher: Dispatcher) -> None:
    """It returns once what the processor has answered is stored; at once if nothing is booked."""
    await dispatcher.settling.stored()
    dispatcher.settlements.stores_failing = 10**9
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    asking = asyncio.create_task(dispatcher.settling.stored())
    await settle_down()
    assert not asking.done()
    dispatcher.settlements.stores_failing = 0
    await asking
    assert settled(dispatcher).processor == HOME
