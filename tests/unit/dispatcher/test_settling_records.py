"""Section 5, rules 6 and 7: what is recorded of a payment, and that it is stored before it is acked."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentSettled, encode
from services.contracts.money import Cents
from services.dispatcher.core.in_hand import Start
from services.dispatcher.core.outcome import Absent, Booked, Found, LookupFailed, NotBooked, Refused, Unknown
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, BOOKED, DEAR, HOME, ID, NOON, Dispatcher, settle_down

EARLIER = NOON - timedelta(seconds=30)
RECORDED = Found(Cents(1990), EARLIER)


@pytest.fixture
def dispatcher() -> Dispatcher:
    """A dispatcher with nothing in hand."""
    return Dispatcher()


def settled(dispatcher: Dispatcher) -> PaymentSettled:
    """Return the one settlement that was stored."""
    (event,) = dispatcher.settlements.events
    assert isinstance(event, PaymentSettled)
    return event


async def test_a_settlement_says_what_was_charged_where_and_when(dispatcher: Dispatcher) -> None:
    """The stamp recorded is the one that was sent."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver(seq=4)
    await dispatcher.routed_to(HOME)
    expected = PaymentSettled(ID, Cents(1990), HOME, requested_at=NOON, accepted_at=NOON, payment_seq=4)
    expected = replace(expected, booked_at=NOON + timedelta(milliseconds=10))  # what the call took
    assert settled(dispatcher) == expected


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
    """Only GET knows which stamp was booked."""
    dispatcher.home.outcomes.extend([Unknown("no answer"), BOOKED])
    dispatcher.home.lookups.extend([Absent(), RECORDED])
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.time_passes()
    assert settled(dispatcher).requested_at == EARLIER
    assert len(dispatcher.home.stamps) == 2


async def test_after_a_takeover_the_processors_own_record_counts(dispatcher: Dispatcher) -> None:
    """Whoever held it before may have had it booked."""
    dispatcher.inherited()
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.home.lookups.extend([Absent(), RECORDED])
    await dispatcher.deliver()
    await dispatcher.time_passes()
    assert settled(dispatcher).requested_at == EARLIER


async def test_a_booking_found_by_look_up_is_recorded_as_found(dispatcher: Dispatcher) -> None:
    """422 and GET: the stamp is the one that the processor gives."""
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


async def test_another_amount_is_recorded_as_charged_and_raises_the_alarm(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """What was charged is the truth, and somebody must hear of it."""
    dispatcher.home.outcomes.append(Booked(recorded=Found(Cents(1), EARLIER)))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert settled(dispatcher).amount_cents == 1
    assert dispatcher.tally.counts["amount_differs"] == 1
    assert [(record.levelname, record.message) for record in caplog.records] == [("ERROR", "payment.amount_differs")]


@pytest.mark.parametrize("stamp", [datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
async def test_a_stamp_far_from_the_payment_is_recorded_and_logged(
    stamp: datetime, dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """Summaries go by what the processor recorded, whatever it is; an operator hears of it."""
    dispatcher.home.outcomes.append(Booked(recorded=Found(Cents(1990), stamp)))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert settled(dispatcher).requested_at == stamp
    assert [record.message for record in caplog.records] == ["payment.stamp_is_far"]


async def test_a_settlement_is_stored_before_the_ack_and_for_as_long_as_it_takes(dispatcher: Dispatcher) -> None:
    """Each failure to store is followed by a wait and another try, and never by an ack."""
    dispatcher.settlements.stores_failing = 3
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert dispatcher.noted == ["send home/1", "find", "charge home", *["store home"] * 4, "ack handle"]
    assert dispatcher.clock.slept == 3


def books(dispatcher: Dispatcher) -> None:
    """Let the home processor book another payment that is sent now."""
    dispatcher.clock.ms += 1
    dispatcher.attempting._refusals[AT_HOME].booked(dispatcher.clock.ms, dispatcher.traffic.in_hand)


async def test_a_refusal_is_a_line_in_the_log_then_a_settlement_then_an_ack(dispatcher: Dispatcher) -> None:
    """Turned down twice by a processor that books others, after definite outcomes only: nothing was charged."""
    dispatcher.home.outcomes.extend([Refused("400"), Refused("400")])
    await dispatcher.deliver(seq=4)
    await dispatcher.routed_to(HOME)
    books(dispatcher)
    await dispatcher.time_passes()
    expected = PaymentRefused(ID, Cents(1990), HOME, detail="400", accepted_at=NOON, payment_seq=4)
    assert dispatcher.settlements.events == [expected]
    assert dispatcher.noted[-5:] == ["charge home", "refused home/1", "find", "store home", "ack handle"]


async def test_a_refusal_is_provisional_until_the_processor_books_another_payment(dispatcher: Dispatcher) -> None:
    """It is sent again, unacked, however often it is refused; that others were booked before it says nothing."""
    books(dispatcher)
    dispatcher.home.outcomes.extend([Refused("400"), Refused("400"), BOOKED])
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.time_passes()
    assert not dispatcher.settlements.events
    await dispatcher.time_passes()
    assert settled(dispatcher).processor == HOME


async def test_what_was_refused_while_everything_was_is_booked_when_the_processor_books_again(
    dispatcher: Dispatcher,
) -> None:
    """Another one that is booked first does not make it the payment's fault."""
    dispatcher.home.outcomes.extend([Refused("400"), BOOKED])
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    books(dispatcher)
    await dispatcher.time_passes()
    assert settled(dispatcher).processor == HOME


async def test_a_booking_of_what_was_sent_before_the_refusal_does_not_count(dispatcher: Dispatcher) -> None:
    """Its answer may be late: the processor may have begun to refuse everything since."""
    dispatcher.home.outcomes.extend([Refused("400"), Refused("400")])
    await dispatcher.deliver()
    sent_ms = dispatcher.clock.ms - 1
    await dispatcher.routed_to(HOME)
    dispatcher.attempting._refusals[AT_HOME].booked(sent_ms, dispatcher.traffic.in_hand)
    await dispatcher.time_passes()
    assert not dispatcher.settlements.events


async def test_a_processor_that_refuses_everything_is_misconfigured_and_nothing_is_refused(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """Five provisional refusals: it fails, and what it refuses from then on was not booked and goes elsewhere."""
    dispatcher.home.outcomes.extend([Refused("400")] * 9)
    dispatcher.dear.outcomes.extend([BOOKED] * 5)
    for number in range(1, 6):
        payment_id = f"{ID[:-1]}{number}"
        data = encode(PaymentAccepted(payment_id, Cents(1990), NOON))
        await dispatcher.deliver(seq=number, handle=f"handle {number}", data=data)
        dispatcher.traffic._ready.clear()
        dispatcher.attempting.start(Start(dispatcher.traffic.in_hand[payment_id], AT_HOME))
        await settle_down()
    assert dispatcher.traffic.conditions(dispatcher.clock.ms)[AT_HOME].state == "failing"
    assert "processor.refuses_everything" in caplog.messages
    for _ in range(8):
        await dispatcher.time_passes(20_000)
    assert {event.processor for event in dispatcher.settlements.events} == {DEAR}
    assert len(dispatcher.settlements.events) == 5


async def test_a_refusal_of_a_payment_in_doubt_is_not_final(dispatcher: Dispatcher) -> None:
    """An earlier attempt, ours or another's, may have charged: only a booking ends this, or an operator."""
    dispatcher.home.outcomes.extend([Unknown("no answer"), Refused("400")])
    dispatcher.home.lookups.extend([Absent(), RECORDED])
    await dispatcher.deliver()
    for _ in range(2):
        await dispatcher.time_passes()
    assert not dispatcher.settlements.events
    assert dispatcher.tally.counts["refused_in_doubt"] == 1
    await dispatcher.time_passes()
    assert settled(dispatcher).processor == HOME


async def test_outcomes_are_evidence(dispatcher: Dispatcher) -> None:
    """Three failures in a row close the processor, one booking opens it."""
    dispatcher.traffic.evidence(AT_DEAR).broken(dispatcher.clock.ms)
    dispatcher.home.outcomes.extend([NotBooked("500"), NotBooked("500"), Unknown("reset"), BOOKED])
    dispatcher.home.lookups.extend([Absent(), RECORDED])
    await dispatcher.deliver()
    for _ in range(3):
        await dispatcher.routed_to(HOME)
    assert dispatcher.traffic.conditions(dispatcher.clock.ms)[AT_HOME].state == "failing"
    await dispatcher.time_passes()
    assert dispatcher.traffic.conditions(dispatcher.clock.ms)[AT_HOME].state == "serving"
    assert dispatcher.traffic.evidence(AT_HOME).in_flight == 0


async def test_a_misconfigured_processor_closes_at_once(dispatcher: Dispatcher) -> None:
    """No payment will get through there."""
    dispatcher.traffic.evidence(AT_DEAR).broken(dispatcher.clock.ms)
    dispatcher.home.outcomes.append(NotBooked("404", misconfigured=True))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert dispatcher.traffic.conditions(dispatcher.clock.ms)[AT_HOME].state == "failing"


async def test_a_bug_in_a_story_lets_the_payment_go_unacked(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes again, inherited; its slot is free, the processor is not blamed, and the log says why."""
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


async def test_nothing_of_a_story_is_left_when_it_ends(dispatcher: Dispatcher) -> None:
    """No task, no slot, nothing in hand."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await asyncio.sleep(0)
    assert not dispatcher.stories._tasks
    assert not dispatcher.traffic.in_hand
    assert dispatcher.traffic.evidence(AT_HOME).in_flight == 0


async def test_whoever_asks_whether_bookings_are_stored_waits_for_those_of_now(dispatcher: Dispatcher) -> None:
    """What the processor has answered is stored before the word is given; with nothing booked it is given at once."""
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
