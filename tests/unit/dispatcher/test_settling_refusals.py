"""Section 5, rule 7: when a payment is refused for good, and what outcomes show about their processor."""

import pytest

from services.contracts.events import PaymentAccepted, PaymentRefused, encode
from services.contracts.money import Cents
from services.dispatcher.core.in_hand import Start
from services.dispatcher.core.outcome import Absent, NotBooked, Refused, Unknown
from tests.unit.dispatcher.dispatcher_flow import Dispatcher
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, BOOKED, DEAR, HOME, ID, NOON, settle_down
from tests.unit.dispatcher.settlement_cases import RECORDED, books, settled


async def test_a_refusal_is_a_line_in_the_log_then_a_settlement_then_an_ack(dispatcher: Dispatcher) -> None:
    """Rejected twice by a processor that books others, after definite outcomes only: nothing was charged."""
    dispatcher.home.outcomes.extend([Refused("400"), Refused("400")])
    await dispatcher.deliver(seq=4)
    await dispatcher.routed_to(HOME)
    books(dispatcher)
    await dispatcher.time_passes()
    expected = PaymentRefused(ID, Cents(1990), HOME, detail="400", accepted_at=NOON, payment_seq=4)
    assert dispatcher.settlements.events == [expected]
    assert dispatcher.noted[-5:] == ["charge home", "refused home/1", "find", "store home", "ack handle"]


async def test_a_refusal_is_provisional_until_the_processor_books_another_payment(dispatcher: Dispatcher) -> None:
    """It is sent again, unacked, however often it is refused; others that were booked before it do not count."""
    books(dispatcher)
    dispatcher.home.outcomes.extend([Refused("400"), Refused("400"), BOOKED])
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.time_passes()
    assert not dispatcher.settlements.events
    await dispatcher.time_passes()
    assert settled(dispatcher).processor == HOME


async def test_what_was_refused_with_everything_else_is_booked_when_the_processor_books_again(
    dispatcher: Dispatcher,
) -> None:
    """If another one is booked first, that does not make it the payment's fault."""
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
    assert dispatcher.counters.counts["refused_in_doubt"] == 1
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
    """No payment will succeed there."""
    dispatcher.traffic.evidence(AT_DEAR).broken(dispatcher.clock.ms)
    dispatcher.home.outcomes.append(NotBooked("404", misconfigured=True))
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    assert dispatcher.traffic.conditions(dispatcher.clock.ms)[AT_HOME].state == "failing"
