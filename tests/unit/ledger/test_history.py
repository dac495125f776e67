"""The history in steps of time, compared with a count over every settlement."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bus.micro.service import CannotAnswerError
from services.contracts.events import PaymentSettled, SettlementsCleared
from services.contracts.history import HistoryAsked, HistoryStep, VitalsSampled, decode_answered, encode
from services.contracts.processor import Processor
from services.contracts.stamp import micros_of
from services.ledger.adapters.history_endpoint import HistoryEndpoint
from services.ledger.core.book import Book
from services.ledger.core.history import edges_of, steps_of
from services.ledger.core.integrity import Integrity
from services.ledger.core.samples import SAMPLES_MAX, Samples
from services.ledger.flow.counting import Ledger
from services.ledger.flow.history import TOGETHER, History
from tests.unit.ledger.fakes import NoDispatchers, StillClock, StreamInHand
from tests.unit.ledger.test_book import settled, unhurried

START = datetime(2025, 8, 1, 12, tzinfo=UTC)
KNOWN = ("default", "fallback")
FEES = {"default": Decimal("0.05"), "fallback": Decimal("0.15")}
PROCESSORS = [Processor(name, f"http://{name}", fee) for name, fee in FEES.items()]
SECOND_US = 1_000_000
STEP_S = 10
STEPS = 6


def sample(seconds: int, **known: float) -> VitalsSampled:
    """Return the sample of the ten seconds that end that many seconds after START."""
    values = {"accepted_per_s": None, "p50_ms": None, "p99_ms": None, "backlog": None, "troubles": 0, **known}
    return VitalsSampled(START + timedelta(seconds=seconds), **values)  # type: ignore[arg-type]


def step(seconds: int, *values: float | None) -> HistoryStep:
    """Return the step that ends so many seconds after START, with these values, in their order, and no others."""
    return HistoryStep(START + timedelta(seconds=seconds), *values, *[None] * (7 - len(values)))  # type: ignore[arg-type]


def edges() -> list[int]:
    """Return the edges of STEPS steps from START on."""
    return edges_of(micros_of(START) + (STEPS * STEP_S + 3) * SECOND_US, STEP_S, STEPS)


def naive(events: Sequence[PaymentSettled], begin_us: int, end_us: int) -> tuple[float, int]:
    """Return the settlements per second in a step, and the cents saved up to its end, by scanning all of them."""
    stamps = [micros_of(event.requested_at) for event in events]
    count = sum(begin_us <= stamp < end_us for stamp in stamps)
    before = [event for event, stamp in zip(events, stamps, strict=True) if stamp < end_us]
    cents = {name: sum(event.amount_cents for event in before if event.processor == name) for name in KNOWN}
    return count / STEP_S, round(cents["default"] * (FEES["fallback"] - FEES["default"]))


moments = st.integers(-5 * SECOND_US, (STEPS * STEP_S + 5) * SECOND_US) | st.integers(-1, STEPS).map(
    lambda number: number * STEP_S * SECOND_US  # on an edge
)


@unhurried
@given(st.lists(st.tuples(moments, st.sampled_from(KNOWN), st.integers(1, 5_000)), min_size=1, max_size=300))
def test_steps_equal_a_naive_count(drawn: list[tuple[int, str, int]]) -> None:
    """In whatever order they come, each is in one step; before the first settlement nothing is known."""
    events = [
        settled(number, name, cents, START + timedelta(microseconds=at))
        for number, (at, name, cents) in enumerate(drawn)
    ]
    book = Book(KNOWN)
    for event in events:
        book.record(event)
    first_us = min(micros_of(event.requested_at) for event in events)
    bounds = edges()
    assert bounds[0] == micros_of(START)
    for number, found in enumerate(steps_of(book, Samples(), PROCESSORS, bounds)):
        begin_us, end_us = bounds[number], bounds[number + 1]
        known = naive(events, begin_us, end_us) if first_us < end_us else (None, None)
        assert (found.settled_per_s, found.saved_cents) == known


def test_an_empty_book_knows_nothing() -> None:
    """It may have been cleared, so it must not claim that nothing was settled."""
    [found] = steps_of(Book(KNOWN), Samples(), PROCESSORS, edges()[-2:])
    assert found == step(60)


def test_savings_are_unknown_if_a_fee_is_unknown() -> None:
    """As for a processor that is no longer configured."""
    book = Book(KNOWN)
    book.record(settled(1, "gone", stamp=START))
    [found] = steps_of(book, Samples(), PROCESSORS, edges()[:2])
    assert (found.settled_per_s, found.saved_cents) == (0.1, None)


def test_a_step_has_the_mean_rate_and_the_maximum_of_the_other_values() -> None:
    """Of the values that are known; a sample belongs to the step that contains its seconds."""
    samples = Samples()
    samples.put(sample(20, accepted_per_s=10.0, p50_ms=1.0, p99_ms=40.0, backlog=7))
    samples.put(sample(10, accepted_per_s=20.0, p50_ms=2.0, p99_ms=30.0, backlog=0, troubles=2))
    samples.put(sample(30, troubles=1))
    samples.put(sample(40, accepted_per_s=99.0))
    bounds = [micros_of(START) + at * SECOND_US for at in (-30, 0, 30, 60)]
    assert steps_of(Book(KNOWN), samples, PROCESSORS, bounds) == [
        step(0),
        step(30, 15.0, None, 2.0, 40.0, 7, None, 2),
        step(60, 99.0, None, None, None, None, None, 0),
    ]


def test_samples_are_kept_for_a_day_and_a_little_longer() -> None:
    """However long the ledger runs, and however long it was stopped."""
    samples = Samples()
    count = 2 * SAMPLES_MAX
    for number in range(count):
        samples.put(sample(number * 10 + (number > SAMPLES_MAX // 2) * 50_000))
    assert len(samples) <= SAMPLES_MAX + 360
    end_us = micros_of(START) + ((count - 1) * 10 + 50_000) * SECOND_US
    assert len(samples.between(end_us - SAMPLES_MAX * 10 * SECOND_US, end_us)) == SAMPLES_MAX


class Stage:
    """A ledger over a stream that the test controls, and its history."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.clock.us = micros_of(START) + 3_600 * SECOND_US
        self.ledger = Ledger(Book(KNOWN), StreamInHand, NoDispatchers(), self.clock, Integrity())
        assert isinstance(self.ledger.settlements, StreamInHand)
        self.stream = self.ledger.settlements
        self.stream.current.set()
        self.history = History(self.ledger, Samples(), PROCESSORS, self.clock)
        self.endpoint = HistoryEndpoint(self.history.answer, self.ledger.why_not)


@pytest.fixture
async def stage() -> Stage:
    """A stage whose book is whole."""
    return Stage()


@pytest.mark.parametrize(
    ("seconds", "ends"),
    [
        (0, [-90, -60, -30, -10]),  # the sample of START is not there yet
        (1, [-90, -60, -30, -10]),
        (2, [-60, -30, 0]),
        (12, [-60, -30, 0, 10]),
        (30, [-60, -30, 0, 20]),
        (32, [-30, 0, 30]),
    ],
)
async def test_steps_begin_at_round_times_and_the_last_one_ends_at_the_newest_sample(
    stage: Stage, seconds: int, ends: list[int]
) -> None:
    """So that a repeated question is answered with the same steps, and nothing is missing before the live values."""
    stage.clock.us = micros_of(START) + seconds * SECOND_US
    answered = await stage.history.answer(HistoryAsked(30, 3))
    assert answered is not None
    assert [each.until for each in answered.steps] == [START + timedelta(seconds=end) for end in ends]
    assert answered.since == answered.steps[0].until - timedelta(seconds=30)


async def test_other_tasks_run_while_a_long_answer_is_computed(stage: Stage) -> None:
    """A summary waits for one part of it, not for all of it."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await asyncio.sleep(0)
    before = turns
    answered = await stage.history.answer(HistoryAsked(300, 288))
    task.cancel()
    assert answered is not None
    assert len(answered.steps) == 289
    assert turns - before >= 288 // TOGETHER


async def test_the_parts_of_an_answer_add_up(stage: Stage) -> None:
    """Every settlement is in exactly one step, also where two parts meet."""
    for number in range(600):
        stage.stream.record(settled(number, stamp=START + timedelta(seconds=number)), number + 1)
    stage.clock.us = micros_of(START) + 1_800 * SECOND_US
    answered = await stage.history.answer(HistoryAsked(10, 300))
    assert answered is not None
    rates = [each.settled_per_s for each in answered.steps if each.settled_per_s]
    assert rates == [1.0] * 60
    assert answered.steps[-1].saved_cents == 600 * 199


async def test_the_rate_of_a_step_that_is_not_over_is_of_what_has_passed(stage: Stage) -> None:
    """Not of all of it."""
    for number in range(4):
        stage.stream.record(settled(number, stamp=START + timedelta(seconds=number)), number + 1)
    stage.clock.us = micros_of(START) + 12 * SECOND_US
    answered = await stage.history.answer(HistoryAsked(60, 1))
    assert answered is not None
    assert [(each.until, each.settled_per_s) for each in answered.steps] == [
        (START, None),
        (START + timedelta(seconds=10), 0.4),
    ]


async def test_no_answer_while_the_book_is_not_whole(stage: Stage) -> None:
    """As with a summary: the client has to ask again."""
    stage.stream.current.clear()
    with pytest.raises(CannotAnswerError, match="not read all settlements yet") as refused:
        await stage.endpoint.history(encode(HistoryAsked(10, 3)))
    assert refused.value.code == 503


async def test_no_answer_mixes_two_books(stage: Stage) -> None:
    """If it is cleared while an answer is computed, half of that answer would be of forgotten settlements."""
    stage.stream.record(settled(1), 1)
    answering = asyncio.create_task(stage.history.answer(HistoryAsked(10, 3 * TOGETHER)))
    await asyncio.sleep(0)
    stage.stream.record(SettlementsCleared(START), 2)
    assert await answering is None


async def test_a_valid_question_is_answered_and_an_invalid_one_is_refused(stage: Stage) -> None:
    """Over the bus: bytes in, bytes out."""
    answered = decode_answered(await stage.endpoint.history(b'{"stepS": 60, "steps": 5}'))
    assert (answered.step_s, len(answered.steps)) == (60, 6)
    with pytest.raises(CannotAnswerError, match="not a HistoryAsked") as refused:
        await stage.endpoint.history(b'{"stepS": 7, "steps": 5}')
    assert refused.value.code == 400
