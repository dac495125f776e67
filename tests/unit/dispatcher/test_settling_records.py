"""Section 5, rules 6 and 7: what is recorded of a payment, and that it is stored before it is acked."""

import asyncio
from datetime import timedelta

import pytest

from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.money import Cents
from services.dispatcher.core.outcome import Booked, Found, LookupFailed, NotBooked, Refused, Unknown
from tests.unit.dispatcher.fakes import BOOKED, DEAR, HOME, ID, NOON, Dispatcher

EARLIER = NOON - timedelta(seconds=30)
RECORDED = Found(Cents(1990), EARLIER)


@pytest.fixture
def dispatcher() -> Dispatcher:
    """A dispatcher with nothing in hand."""
    return Dispatcher()


def settled(dispatcher: Dispatcher) -> PaymentSettled:
    """Return the one settlement that was stored."""
    (event,) = dispatcher.records.events
    assert isinstance(event, PaymentSettled)
    return event


async def test_a_settlement_says_what_was_charged_where_and_when(dispatcher: Dispatcher) -> None:
    """The stamp recorded is the one that was sent."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver(seq=4)
    await dispatcher.routed_to(HOME)
    expected = PaymentSettled(ID, Cents(1990), HOME, requested_at=NOON, accepted_at=NOON, payment_seq=4)
    assert settled(dispatcher) == expected


async def test_each_attempt_has_its_own_stamp(dispatcher: Dispatcher) -> None:
    """After definite outcomes only, the stamp of the attempt that was booked is recorded, with no look-up."""
    dispatcher.home.outcomes.extend([NotBooked("500"), NotBooked("500"), BOOKED])
    await dispatcher.deliver()
    for _ in range(3):
        await dispatcher.routed_to(HOME)
        dispatcher.clock.ms += 1_000
    assert len(set(dispatcher.home.stamps)) == 3
    assert settled(dispatcher).requested_at == dispatcher.home.stamps[2]
    assert "look_up home" not in dispatcher.noted


async def test_after_an_unknown_the_processors_own_record_counts(dispatcher: Dispatcher) -> None:
    """The 2xx may answer for an earlier attempt: only GET knows which stamp was booked."""
    dispatcher.home.outcomes.extend([Unknown("no answer"), BOOKED])
    dispatcher.home.lookups.append(RECORDED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.time_passes()
    assert settled(dispatcher).requested_at == EARLIER


async def test_after_a_takeover_the_processors_own_record_counts(dispatcher: Dispatcher) -> None:
    """Whoever held it before may have had it booked."""
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.home.lookups.append(RECORDED)
    await dispatcher.deliver(num_delivered=2)
    await dispatcher.time_passes()
    assert settled(dispatcher).requested_at == EARLIER


async def test_a_booking_found_by_look_up_is_recorded_as_found(dispatcher: Dispatcher) -> None:
    """422 and GET: the stamp is the one that the processor gives."""
    dispatcher.home.outcomes.append(Booked(recorded=RECORDED))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert settled(dispatcher).requested_at == EARLIER


async def test_a_record_that_cannot_be_read_is_not_guessed(dispatcher: Dispatcher) -> None:
    """The payment stays bound and unacked, and is sent there again until the record can be read."""
    dispatcher.home.outcomes.extend([Unknown("no answer"), BOOKED, Booked(recorded=RECORDED)])
    dispatcher.home.lookups.append(LookupFailed("silence"))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.time_passes()
    assert not dispatcher.records.events
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
    assert dispatcher.settling.counts["amount_differs"] == 1
    assert [(record.levelname, record.message) for record in caplog.records] == [("ERROR", "payment.amount_differs")]


async def test_a_settlement_is_stored_before_the_ack_and_for_as_long_as_it_takes(dispatcher: Dispatcher) -> None:
    """Each failure to store is followed by a wait and another try, and never by an ack."""
    dispatcher.records.stores_failing = 3
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert dispatcher.noted == ["charge home", *["store home"] * 4, "ack handle"]
    assert dispatcher.clock.slept == 3


async def test_a_refusal_is_stored_and_acked(dispatcher: Dispatcher) -> None:
    """Turned down for good, after definite outcomes only: nothing was charged."""
    dispatcher.home.outcomes.append(Refused("400"))
    await dispatcher.deliver(seq=4)
    await dispatcher.routed_to(HOME)
    expected = PaymentRefused(ID, Cents(1990), HOME, detail="400", accepted_at=NOON, payment_seq=4)
    assert dispatcher.records.events == [expected]
    assert dispatcher.noted == ["charge home", "store home", "ack handle"]


async def test_a_refusal_speaks_well_of_the_processor(dispatcher: Dispatcher) -> None:
    """Bad payments do not close it."""
    evidence = dispatcher.traffic.evidence(HOME)
    for token in [evidence.sent(dispatcher.clock.ms - 5 + n) for n in range(2)]:
        evidence.failed(token, dispatcher.clock.ms)
    dispatcher.home.outcomes.append(Refused("400"))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    evidence.failed(evidence.sent(dispatcher.clock.ms), dispatcher.clock.ms)
    assert evidence.condition(dispatcher.clock.ms).state == "serving"


@pytest.mark.parametrize("num_delivered", [1, 2])
async def test_a_refusal_after_an_unknown_is_not_final(dispatcher: Dispatcher, num_delivered: int) -> None:
    """An earlier attempt, ours or another's, may have charged: only a booking ends this, or an operator."""
    dispatcher.home.outcomes.extend([Unknown("no answer"), Refused("400"), Booked(recorded=RECORDED)])
    await dispatcher.deliver(num_delivered=num_delivered)
    for _ in range(2):
        await dispatcher.time_passes()
    assert not dispatcher.records.events
    assert not [line for line in dispatcher.noted if line.startswith("ack")]
    await dispatcher.time_passes()
    assert settled(dispatcher).processor == HOME


async def test_a_refusal_after_a_takeover_is_not_final(dispatcher: Dispatcher) -> None:
    """What was tried before is not known."""
    dispatcher.home.outcomes.append(Refused("400"))
    await dispatcher.deliver(num_delivered=2)
    await dispatcher.time_passes()
    assert not dispatcher.records.events
    assert dispatcher.traffic.bound_waiting(HOME) == 1


async def test_outcomes_are_evidence(dispatcher: Dispatcher) -> None:
    """Three failures in a row close the processor, one booking opens it."""
    dispatcher.home.outcomes.extend([NotBooked("500"), NotBooked("500"), Unknown("reset"), BOOKED])
    dispatcher.home.lookups.append(RECORDED)
    await dispatcher.deliver()
    for _ in range(3):
        await dispatcher.routed_to(HOME)
    assert dispatcher.traffic.conditions(dispatcher.clock.ms)[HOME].state == "failing"
    await dispatcher.time_passes()
    assert dispatcher.traffic.conditions(dispatcher.clock.ms)[HOME].state == "serving"
    assert dispatcher.traffic.evidence(HOME).in_flight == 0


async def test_a_misconfigured_processor_closes_at_once(dispatcher: Dispatcher) -> None:
    """No payment will get through there."""
    dispatcher.home.outcomes.append(NotBooked("404", misconfigured=True))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert dispatcher.traffic.conditions(dispatcher.clock.ms)[HOME].state == "failing"


async def test_a_bug_in_a_story_lets_the_payment_go_unacked(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes again, as a suspect; its slot is free, the processor is not blamed, and the log says why."""
    dispatcher.dear.outcomes.append(RuntimeError("a bug"))
    await dispatcher.deliver()
    await dispatcher.routed_to(DEAR)
    assert dispatcher.noted == ["find_settlement", "bind dear", "charge dear"]
    assert not dispatcher.traffic.in_hand
    assert dispatcher.traffic.evidence(DEAR).in_flight == 0
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    dispatcher.noted.clear()
    await dispatcher.deliver(num_delivered=2)
    assert dispatcher.noted == ["find_settlement", "find_binding", "bind dear"]


async def test_a_payment_bound_elsewhere_is_never_sent_here_whoever_routes_it(dispatcher: Dispatcher) -> None:
    """Should a bug ever route a bound payment to another processor, it goes unacked, and no entry says otherwise."""
    dispatcher.home.outcomes.append(Unknown("no answer"))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.routed_to(DEAR)
    assert not dispatcher.dear.stamps
    assert not dispatcher.records.bindings
    assert not [line for line in dispatcher.noted if line.startswith("ack")]


async def test_nothing_of_a_story_is_left_when_it_ends(dispatcher: Dispatcher) -> None:
    """No task, no slot, nothing in hand."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await asyncio.sleep(0)
    assert not dispatcher.settling._tasks
    assert not dispatcher.traffic.in_hand
    assert dispatcher.traffic.evidence(HOME).in_flight == 0
