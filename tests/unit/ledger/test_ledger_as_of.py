"""A summary is as of the moment it was asked: it waits for what was booked by then, and leaves out what came later."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from services.contracts.events import PaymentSettled
from services.contracts.money import Cents
from services.contracts.stamp import micros_of
from services.contracts.summary import Totals
from services.ledger.core.book import Book
from services.ledger.core.integrity import Integrity
from services.ledger.core.lately import LATELY_S, Cut
from services.ledger.flow.counting import RECENT_US, Ledger
from services.ledger.flow.ports import Record, Skip
from tests.unit.ledger.fakes import NoDispatchers, StillClock

NOON = datetime(2025, 8, 1, 12, 0, 0, tzinfo=UTC)
NOON_US = micros_of(NOON)
ID = "{:08x}-0000-4000-8000-000000000001"
NOTHING, ONE, TWO = Totals(0, 0), Totals(1, 1990), Totals(2, 3980)


def booked(number: int, after_ms: int) -> PaymentSettled:
    """Return a settlement whose answer came so long after noon; its stamp is noon."""
    at = NOON + timedelta(milliseconds=after_ms)
    return PaymentSettled(ID.format(number), Cents(1990), "default", NOON, NOON, number, at)


class Stream:
    """Settlements that the test tells."""

    is_current = True
    applied_seq = 0

    def __init__(self, record: Record, _skip: Skip) -> None:
        self._record = record

    def tell(self, event: PaymentSettled) -> None:
        """Tell the next one."""
        self._record(event, self.applied_seq + 1)
        self.applied_seq += 1

    def position(self) -> None:
        """Nothing new."""

    def resume_after(self, seq: int) -> None:
        """Begin there."""

    async def caught_up(self) -> None:
        """All was told."""

    async def run(self) -> None:
        """Tell nothing by itself."""


class Told:
    """A ledger, and all that it needs."""

    def __init__(self) -> None:
        self.dispatchers, self.clock = NoDispatchers(), StillClock()
        self.clock.us = NOON_US
        self.ledger = Ledger(Book(("default",)), self._listen, self.dispatchers, self.clock, Integrity())

    def _listen(self, record: Record, skip: Skip) -> Stream:
        self.stream = Stream(record, skip)
        return self.stream

    async def count(self, to_us: int | None = None) -> Totals | None:
        """Return what is said of the processor, as of noon."""
        totals = await self.ledger.summary(None, to_us, NOON)
        return None if totals is None else totals["default"]


@pytest.fixture
def told() -> Told:
    """A ledger with an empty book, at noon."""
    return Told()


async def test_what_was_booked_by_then_is_waited_for(told: Told) -> None:
    """The dispatchers say how far to read, and the answer comes when that is in the book."""
    told.dispatchers.cut = Cut(2, NOON_US)
    asking = asyncio.create_task(told.count())
    await asyncio.sleep(0)
    told.stream.tell(booked(1, -5))
    await asyncio.sleep(0)
    assert not asking.done()
    told.stream.tell(booked(2, -4))
    assert await asking == TWO
    assert told.dispatchers.asked == [NOON]


async def test_what_was_booked_later_is_left_out(told: Told) -> None:
    """Also where it is in the book already, or came while the answer waited."""
    told.stream.tell(booked(1, 0))
    told.stream.tell(booked(2, 1))
    told.dispatchers.cut = Cut(1, NOON_US)
    assert await told.count() == ONE


async def test_what_is_in_the_book_for_longer_is_counted_whatever_its_clock_said(told: Told) -> None:
    """A dispatcher whose clock is ahead makes no summary short for long."""
    told.stream.tell(booked(1, 60_000))
    told.dispatchers.cut = Cut(1, NOON_US)
    assert await told.count() == NOTHING
    told.clock.s += LATELY_S * 2
    assert await told.count() == ONE


async def test_nothing_is_left_out_where_a_dispatcher_did_not_say(told: Told) -> None:
    """Its clock may be another one: then what is known is counted."""
    told.stream.tell(booked(1, 60_000))
    told.dispatchers.cut = Cut(1, None)
    assert await told.count() == ONE


async def test_only_what_lies_in_the_period_is_left_out_of_it(told: Told) -> None:
    """A period that ended before the payment's stamp never had it."""
    told.stream.tell(replace(booked(1, -5), requested_at=NOON - timedelta(seconds=2)))
    told.stream.tell(booked(2, 5))
    told.dispatchers.cut = Cut(2, NOON_US)
    assert await told.count(NOON_US - 1) == ONE


async def test_what_was_settled_without_its_moment_is_counted(told: Told) -> None:
    """Settlements of before do not say when their answer came."""
    told.stream.tell(replace(booked(1, 0), booked_at=None))
    told.dispatchers.cut = Cut(1, NOON_US)
    assert await told.count() == ONE


async def test_a_book_that_stays_behind_answers_with_what_it_has(told: Told) -> None:
    """After its time, and no client waits for ever."""
    told.dispatchers.cut = Cut(5, NOON_US)
    assert await told.count() == NOTHING


async def test_nobody_is_asked_about_a_period_long_past(told: Told) -> None:
    """What is booked now has a stamp of now."""
    told.stream.tell(booked(1, 0))
    told.clock.us = NOON_US + RECENT_US + 1
    assert await told.count(NOON_US) == ONE
    assert told.dispatchers.asked == []


async def test_how_long_a_booking_takes_to_be_counted_is_measured(told: Told) -> None:
    """From the dispatcher's answer to the book."""
    told.stream.tell(booked(1, -8))
    assert (sum(told.ledger.counted_after.counts), told.ledger.counted_after.sum_ms) == (1, 8.0)
