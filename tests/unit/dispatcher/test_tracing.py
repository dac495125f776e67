"""A payment that belongs to a trace: each attempt is a span of it, and the settlement lists them."""

import logging
from datetime import timedelta

import pytest
from msgspec import UNSET

from services.contracts.events import PaymentRefused, PaymentSettled, Trace, TracedAttempt
from services.contracts.traceparent import child_of
from services.dispatcher.adapters.clock import DispatcherClock
from services.dispatcher.core.in_hand import ATTEMPTS_KEPT_MAX
from services.dispatcher.core.outcome import Absent, NotBooked, Refused, Unknown
from services.dispatcher.core.trace import trace_of
from tests.unit.dispatcher.dispatcher_flow import Dispatcher
from tests.unit.dispatcher.fakes import AT_DEAR, BOOKED, HOME, ID, NOON
from tests.unit.dispatcher.settlement_cases import books

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
MS_10 = timedelta(milliseconds=10)  # what a call takes here


def span(number: int) -> str:
    """Return the id that the tests' clock gives as its nth."""
    return f"{number:016x}"


async def test_a_payment_without_a_trace_has_no_span(dispatcher: Dispatcher) -> None:
    """No header to the processor, no field in the settlement, and no id is generated."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    (event,) = dispatcher.settlements.events
    assert isinstance(event, PaymentSettled)
    assert event.trace is UNSET
    assert dispatcher.home.traceparents == [None]
    assert dispatcher.clock.spans == 0


async def test_each_attempt_is_a_new_span_of_the_trace(dispatcher: Dispatcher) -> None:
    """The settlement has what was sent when, and its outcome."""
    dispatcher.traffic.evidence(AT_DEAR).broken(dispatcher.clock.ms)
    dispatcher.home.outcomes.extend([NotBooked("500"), BOOKED])
    await dispatcher.deliver(traceparent=PARENT)
    await dispatcher.routed_to(HOME)
    dispatcher.clock.ms += 1_000
    await dispatcher.routed_to(HOME)
    assert dispatcher.home.traceparents == [child_of(PARENT, span(1)), child_of(PARENT, span(2))]
    (event,) = dispatcher.settlements.events
    assert isinstance(event, PaymentSettled)
    second = NOON + timedelta(milliseconds=1_010)
    assert event.trace == Trace(
        PARENT,
        (
            TracedAttempt(span(1), HOME, NOON, NOON + MS_10, "notBooked"),
            TracedAttempt(span(2), HOME, second, second + MS_10, "booked"),
        ),
    )


async def test_a_refusal_has_its_trace(dispatcher: Dispatcher) -> None:
    """A rejected payment is finished too."""
    dispatcher.home.outcomes.extend([Refused("400"), Refused("400")])
    await dispatcher.deliver(traceparent=PARENT)
    await dispatcher.routed_to(HOME)
    books(dispatcher)
    await dispatcher.time_passes()
    (event,) = dispatcher.settlements.events
    assert isinstance(event, PaymentRefused)
    assert event.trace is not UNSET
    assert event.trace.parent == PARENT
    assert [(each.span_id, each.outcome) for each in event.trace.attempts] == [
        (span(1), "refused"),
        (span(2), "refused"),
    ]


async def test_of_many_attempts_the_last_are_known(dispatcher: Dispatcher) -> None:
    """A payment in doubt at a dead processor has thousands, and a settlement must stay small."""
    dispatcher.home.outcomes.extend([*[Unknown("no answer")] * ATTEMPTS_KEPT_MAX, Unknown("no answer"), BOOKED])
    dispatcher.home.lookups.extend([Absent()] * (ATTEMPTS_KEPT_MAX + 2))
    await dispatcher.deliver(traceparent=PARENT)
    payment = dispatcher.payment
    await dispatcher.routed_to(HOME)
    for _ in range(ATTEMPTS_KEPT_MAX):
        await dispatcher.time_passes(60_000)
    trace = trace_of(payment)
    assert trace is not UNSET
    noted = trace.attempts
    assert [attempt.span_id for attempt in noted] == [span(number) for number in range(2, ATTEMPTS_KEPT_MAX + 2)]


async def test_an_invalid_traceparent_is_ignored(dispatcher: Dispatcher) -> None:
    """Whatever wrote it: it would be sent to processors."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver(traceparent="00-evil")
    await dispatcher.routed_to(HOME)
    assert dispatcher.home.traceparents == [None]


async def test_logs_of_the_payment_have_its_trace(dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture) -> None:
    """Beside its id, so that logs are found from the trace."""
    dispatcher.home.outcomes.append(Unknown("no answer"))
    await dispatcher.deliver(traceparent=PARENT)
    with caplog.at_level(logging.WARNING):
        await dispatcher.routed_to(HOME)
    (record,) = [record for record in caplog.records if record.message == "payment.unknown"]
    assert (record.__dict__["id"], record.__dict__["traceparent"]) == (ID, PARENT)


def test_span_ids_are_random() -> None:
    """Sixteen digits, another one each time."""
    ids = {DispatcherClock().span_id() for _ in range(100)}
    assert len(ids) == 100
    assert {len(each) for each in ids} == {16}
