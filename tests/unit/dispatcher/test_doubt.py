"""A store that went back in time: what waits in it is asked about at every processor before it is sent anywhere."""

import asyncio
from dataclasses import replace

import pytest

from services.contracts.money import Cents
from services.dispatcher.core.doubt import NO_DOUBT, Doubt, concluded, is_doubtful
from services.dispatcher.core.in_hand import InHand
from services.dispatcher.core.outcome import Absent, Found, Lookup, LookupFailed
from services.dispatcher.core.ownership import View
from services.dispatcher.flow.send_permission import NotOwned
from tests.unit.dispatcher.dispatcher_flow import Dispatcher
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, BOOKED, DEAR, HOME, ID, NOON, settle_down

RECORDED = Found(Cents(1990), NOON)
SILENT = LookupFailed("silence")
DOUBT = Doubt(payments_to=9, lines_to=4, since="then")


@pytest.fixture
def dispatcher() -> Dispatcher:
    """A dispatcher whose store went back in time; no earlier POST can be under way any more."""
    made = Dispatcher()
    made.store.doubt = DOUBT
    return made


@pytest.mark.parametrize(
    ("seq", "last_line", "doubtful"),
    [(9, None, True), (10, None, False), (9, 4, True), (9, 5, False), (10, 4, False)],
)
def test_doubtful_is_what_waited_and_has_no_line_since(seq: int, last_line: int | None, *, doubtful: bool) -> None:
    """A newer line was written by a dispatcher that had asked."""
    view = None if last_line is None else View(last_line, "somebody", AT_HOME, "")
    assert is_doubtful(DOUBT, seq, view) is doubtful
    assert not is_doubtful(NO_DOUBT, seq, view)


@pytest.mark.parametrize(("seq", "last_line", "doubtful"), [(10, None, True), (10, 4, True), (10, 5, False)])
def test_doubtful_is_also_what_comes_for_a_while(seq: int, last_line: int | None, *, doubtful: bool) -> None:
    """A client repeats an id that the store has lost."""
    view = None if last_line is None else View(last_line, "somebody", AT_HOME, "")
    assert is_doubtful(replace(DOUBT, is_recent=True), seq, view) is doubtful


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([Absent(), Absent()], "absent"),
        ([Absent(), SILENT], "unanswered"),
        ([SILENT, RECORDED], (AT_DEAR, RECORDED)),
        ([RECORDED, RECORDED], (AT_HOME, RECORDED)),
    ],
)
def test_one_that_has_it_is_enough_and_one_that_does_not_answer_leaves_it_open(
    answers: list[Lookup], expected: object
) -> None:
    """It is absent only if all say so."""
    assert concluded(zip((AT_HOME, AT_DEAR), answers, strict=True)) == expected


async def test_a_doubtful_payment_that_a_processor_has_is_settled_there(dispatcher: Dispatcher) -> None:
    """Also where the log, which went back too, says that it was assigned elsewhere."""
    dispatcher.inherited(HOME)
    dispatcher.dear.lookups.append(RECORDED)
    await dispatcher.deliver()
    assert dispatcher.noted == ["look_up home", "look_up dear", "store dear", "ack handle"]
    assert dispatcher.counters.counts["found_booked"] == 1


async def test_a_doubtful_payment_that_nobody_has_is_sent_like_any_other(dispatcher: Dispatcher) -> None:
    """After every processor has answered, and only then."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    assert dispatcher.noted == ["look_up home", "look_up dear"]
    assert await dispatcher.time_passes(0) == [HOME]
    assert dispatcher.noted[2:] == ["send home/1", "find", "charge home", "store home", "ack handle"]


async def test_a_doubtful_payment_with_a_line_that_nobody_has_is_inherited(dispatcher: Dispatcher) -> None:
    """Its line still counts: it goes nowhere else."""
    dispatcher.inherited(DEAR)
    await dispatcher.deliver()
    assert dispatcher.payment.generation == AT_DEAR
    assert dispatcher.payment.in_doubt


async def test_absence_does_not_count_while_an_earlier_post_may_be_under_way(dispatcher: Dispatcher) -> None:
    """The payment is given back, to be redelivered after that; "found" counts at once."""
    dispatcher.store.counts_in_ms = 30_000
    await dispatcher.deliver()
    assert dispatcher.noted == ["look_up home", "look_up dear", "nak handle"]
    assert not dispatcher.traffic.in_hand
    dispatcher.home.lookups.append(RECORDED)
    await dispatcher.deliver(handle="again")
    assert dispatcher.noted[-1] == "ack again"


async def test_a_processor_that_does_not_answer_leaves_it_waiting_and_counted(dispatcher: Dispatcher) -> None:
    """It may have it."""
    dispatcher.dear.lookups.append(SILENT)
    await dispatcher.deliver()
    assert dispatcher.noted[-1] == "nak handle"
    assert dispatcher.counters.counts["doubtful"] == 1
    assert not dispatcher.traffic.in_hand


async def test_what_is_accepted_a_window_later_is_not_doubtful(dispatcher: Dispatcher) -> None:
    """No processor is asked, and it does not wait for those that are asked about."""
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver(seq=10)
    await dispatcher.time_passes(0)
    assert "look_up home" not in dispatcher.noted
    assert dispatcher.noted[-1] == "ack handle"


async def test_a_process_that_no_longer_reads_the_log_sends_nothing_more(dispatcher: Dispatcher) -> None:
    """What waits for its line is given back; what is under way ends, and is settled."""
    dispatcher.store.doubt = NO_DOUBT
    dispatcher.assignments.unread = []
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    await dispatcher.flow.abandon(1.0)
    await settle_down()
    assert dispatcher.noted == ["send home/1", "nak handle"]
    late = InHand(ID, Cents(1990), NOON, dispatcher.clock.ms, 1, {1: "handle"})
    assert await dispatcher.assigning.may_send(late, AT_HOME) == NotOwned()


async def test_a_call_under_way_when_the_log_is_abandoned_is_settled(dispatcher: Dispatcher) -> None:
    """Its booking is a fact."""
    dispatcher.store.doubt = NO_DOUBT
    dispatcher.home.gate = asyncio.Event()
    dispatcher.home.outcomes.append(BOOKED)
    await dispatcher.deliver()
    await dispatcher.routed_to(HOME)
    abandoning = asyncio.ensure_future(dispatcher.flow.abandon(5.0))
    await settle_down()
    dispatcher.home.gate.set()
    await abandoning
    assert dispatcher.noted[-2:] == ["store home", "ack handle"]
