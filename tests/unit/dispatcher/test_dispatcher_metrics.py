"""The dispatcher's metrics, after payments with fakes around the flow."""

from dataclasses import replace
from decimal import Decimal

import pytest

from services.contracts.events import PaymentAccepted, encode
from services.contracts.money import Cents
from services.contracts.processor_entry import Pause, ProcessorGeneration
from services.dispatcher.adapters.metrics import of_dispatcher
from services.dispatcher.core.condition import FAILURES_TO_CLOSE
from services.dispatcher.core.outcome import Absent, Found, NotBooked, Unknown
from services.dispatcher.core.status import Status, status_of
from tests.scraped import Scraped, scraped_from
from tests.unit.dispatcher.dispatcher_flow import Dispatcher
from tests.unit.dispatcher.fakes import AT_DEAR, BOOKED, DEAR, HOME, ID, NOON, settle_down

GENERATIONS = (
    ProcessorGeneration("home/1", HOME, "http://home", Decimal("0.05"), "open"),
    ProcessorGeneration("dear/1", DEAR, "http://dear", Decimal("0.15"), "paused", Pause("me", "tests", NOON)),
    ProcessorGeneration("dear/0", DEAR, "http://dear-before", Decimal("0.15"), "closing"),
)


@pytest.fixture
def dispatcher() -> Dispatcher:
    """A dispatcher's flow with fakes around it."""
    return Dispatcher()


async def read(dispatcher: Dispatcher) -> Scraped:
    """Scrape it."""
    traffic, counters = dispatcher.traffic, dispatcher.counters

    def status() -> Status:
        now = status_of(traffic, counters, dispatcher.log, GENERATIONS, dispatcher.clock.now_ms())
        return replace(now, left_behind={"gone/1": 3, "gone/2": 2, "home/1": 1})

    return await scraped_from(of_dispatcher(status, counters, traffic, dispatcher.waiting))


async def test_every_series_starts_at_zero(dispatcher: Dispatcher) -> None:
    """A reader gets a zero and no gap, so that the first of anything is an increase."""
    scraped = await read(dispatcher)
    for name in (HOME, DEAR):
        assert scraped.value("tarifa_settlements_stored_total", processor=name, kind="settled") == 0
        assert scraped.value("tarifa_call_outcomes_total", processor=name, outcome="unknown") == 0
        assert scraped.value("tarifa_call_seconds_count", processor=name) == 0
        assert scraped.value("tarifa_processor_serving", processor=name) == 1
        assert scraped.value("tarifa_processor_paused", processor=name) == (name == DEAR)
    assert scraped.value("tarifa_payments_moved_total") == 0
    assert scraped.value("tarifa_processor_fee_ratio", processor=DEAR) == 0.15


async def test_what_is_assigned_where_nothing_charges_any_more_is_counted_by_processor(dispatcher: Dispatcher) -> None:
    """Also for a processor that is no longer configured."""
    scraped = await read(dispatcher)
    left = {name: scraped.value("tarifa_left_behind_payments", processor=name) for name in (HOME, DEAR, "gone")}
    assert left == {HOME: 1, DEAR: 0, "gone": 5}


async def test_a_settled_payment_is_counted_where_it_was_and_how_long_it_took(dispatcher: Dispatcher) -> None:
    """One booked call of 10 ms, one settlement, 3 s after its acceptance; nothing is in hand any more."""
    await dispatcher.deliver()
    dispatcher.clock.ms += 2_990
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.routed_to(HOME)
    scraped = await read(dispatcher)
    assert scraped.value("tarifa_call_outcomes_total", processor=HOME, outcome="booked") == 1
    assert scraped.value("tarifa_call_seconds_sum", processor=HOME) == pytest.approx(0.01)
    assert scraped.value("tarifa_settlements_stored_total", processor=HOME, kind="settled") == 1
    assert scraped.value("tarifa_settle_seconds_sum", processor=HOME) == pytest.approx(3.0)
    assert scraped.value("tarifa_in_hand_payments") == 0


async def test_an_unknown_outcome_binds_its_payment_until_it_is_booked(dispatcher: Dispatcher) -> None:
    """The gauge names the processor and the age; after the booking it is zero again, and the count stays."""
    await dispatcher.deliver()
    dispatcher.home.outcomes.append(Unknown("timeout"))
    await dispatcher.routed_to(HOME)
    dispatcher.clock.ms += 1_000
    bound = await read(dispatcher)
    assert bound.value("tarifa_bound_payments", processor=HOME) == 1
    assert bound.value("tarifa_bound_payments", processor=DEAR) == 0
    assert bound.value("tarifa_bound_oldest_seconds", processor=HOME) == pytest.approx(1.01)
    dispatcher.home.outcomes.append(BOOKED)
    dispatcher.home.lookups.extend([Absent(), Found(Cents(1990), NOON)])
    assert await dispatcher.time_passes() == [HOME]
    await settle_down()
    free = await read(dispatcher)
    assert free.value("tarifa_bound_payments", processor=HOME) == 0
    assert free.value("tarifa_call_outcomes_total", processor=HOME, outcome="unknown") == 1
    assert free.value("tarifa_call_outcomes_total", processor=HOME, outcome="booked") == 1


async def test_a_first_hand_payment_is_not_in_doubt_and_its_move_is_counted(dispatcher: Dispatcher) -> None:
    """It may still move, so it needs no attention; in hand it has an age."""
    dispatcher.clock.ms += 60_000
    dispatcher.close_home()
    await dispatcher.deliver(data=encode(PaymentAccepted(ID, Cents(1990), dispatcher.clock.stamp())))
    dispatcher.clock.ms += 2_000
    waiting = await read(dispatcher)
    assert waiting.total("tarifa_bound_payments") == 0
    assert waiting.value("tarifa_in_hand_payments") == 1
    assert waiting.value("tarifa_in_hand_oldest_seconds") == 2
    dispatcher.clock.ms += 60_000
    dispatcher.close_home()
    dispatcher.home.outcomes.append(NotBooked("500"))
    dispatcher.dear.outcomes.append(BOOKED)
    await dispatcher.routed_to(HOME)
    moved = await read(dispatcher)
    assert moved.value("tarifa_payments_moved_total") == 1
    assert moved.value("tarifa_settlements_stored_total", processor=DEAR, kind="settled") == 1


async def test_a_processor_that_fails_is_reported_as_not_serving(dispatcher: Dispatcher) -> None:
    """After so many failures in a row the condition is failing, and each is an outcome."""
    dispatcher.traffic.evidence(AT_DEAR).sent(dispatcher.clock.ms)
    await dispatcher.deliver()
    for _ in range(FAILURES_TO_CLOSE):
        dispatcher.home.outcomes.append(NotBooked("500"))
        await dispatcher.routed_to(HOME)
    scraped = await read(dispatcher)
    assert scraped.value("tarifa_processor_serving", processor=HOME) == 0
    assert scraped.value("tarifa_processor_serving", processor=DEAR) == 1
    assert scraped.value("tarifa_call_outcomes_total", processor=HOME, outcome="not_booked") == FAILURES_TO_CLOSE


async def test_the_oldest_of_the_backlog_has_an_age_only_while_there_is_one(dispatcher: Dispatcher) -> None:
    """An empty stream has no head, whatever was last known of it."""
    dispatcher.traffic.head_stored_ms = dispatcher.clock.now_ms() - 4_000
    assert (await read(dispatcher)).value("tarifa_backlog_oldest_seconds") == 0
    dispatcher.traffic.backlog = 12
    dispatcher.waits = 15
    scraped = await read(dispatcher)
    assert scraped.value("tarifa_backlog_oldest_seconds") == 4
    assert scraped.value("tarifa_backlog_payments") == 15, "the stream's own length"
    dispatcher.waits = None
    assert (await read(dispatcher)).names.isdisjoint({"tarifa_backlog_payments"})
