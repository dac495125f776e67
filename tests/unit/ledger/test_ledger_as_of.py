"""A summary is as of the moment of the request: it waits for what was booked by then and omits what came later."""

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
from services.ledger.core.recent_settlements import RECENT_S, StoredUpTo
from services.ledger.flow.counting import RECENT_US, Ledger
from services.ledger.flow.ports import Record, Skip
from tests.unit.ledger.fakes import NoDispatchers, StillClock

NOON = datetime(2025, 8, 1, 12, 0, 0, tzinfo=UTC)
NOON_US = micros_of(NOON)
ID = "{:08x}-0000-4000-8000-000000000001"
NOTHING, ONE, TWO = Totals(0, 0), Totals(1, 1990), Totals(2, 3980)


def booked(number: int, after_ms: int) -> PaymentSettled:
    """Return a settlement answered that many milliseconds after noon; its stamp is noon."""
    at = NOON + timedelta(milliseconds=after_ms)
    return PaymentSettled(ID.format(number), Cents(1990), "default", NOON, NOON, number, at)


class Stream:
    """Settlements that the test delivers."""

    is_current = True
    applied_seq = 0

    def __init__(self, record: Record, _skip: Skip) -> None:
        self._record = record

    def deliver(self, event: PaymentSettled) -> None:
        """Deliver the next one."""
        self._record(event, self.applied_seq + 1)
        self.applied_seq += 1

    def position(self) -> None:
        """Return no new position."""

    def resume_after(self, seq: int) -> None:
        """Start after that sequence."""

    async def caught_up(self) -> None:
        """Return at once: everything was delivered."""

    async def run(self) -> None:
        """Deliver nothing by itself."""


class LedgerCase:
    """A ledger and all its collaborators."""

    def __init__(self) -> None:
        self.dispatchers, self.clock = NoDispatchers(), StillClock()
        self.clock.us = NOON_US
        self.ledger = Ledger(Book(("default",)), self._listen, self.dispatchers, self.clock, Integrity())

    def _listen(self, record: Record, skip: Skip) -> Stream:
        self.stream = Stream(record, skip)
        return self.stream

    async def count(self, to_us: int | None = None) -> Totals | None:
        """Return the processor's totals as of noon."""
        totals = await self.ledger.summary(None, to_us, NOON)
        return None if totals is None else totals["default"]


@pytest.fixture
def case() -> LedgerCase:
    """A ledger with an empty book, at noon."""
    return LedgerCase()


async def test_a_summary_waits_for_what_was_booked_by_then(case: LedgerCase) -> None:
    """The dispatchers say how far to read; the answer comes once the book has read that far."""
    case.dispatchers.stored_up_to = StoredUpTo(2, NOON_US)
    asking = asyncio.create_task(case.count())
    await asyncio.sleep(0)
    case.stream.deliver(booked(1, -5))
    await asyncio.sleep(0)
    assert not asking.done()
    case.stream.deliver(booked(2, -4))
    assert await asking == TWO
    assert case.dispatchers.asked == [NOON]


async def test_a_summary_leaves_out_what_was_booked_later(case: LedgerCase) -> None:
    """Also if it is already in the book, or came while the answer was waiting."""
    case.stream.deliver(booked(1, 0))
    case.stream.deliver(booked(2, 1))
    case.dispatchers.stored_up_to = StoredUpTo(1, NOON_US)
    assert await case.count() == ONE


async def test_an_entry_that_is_not_recent_is_counted_whatever_its_stamp(case: LedgerCase) -> None:
    """A dispatcher whose clock is ahead makes no summary short for long."""
    case.stream.deliver(booked(1, 60_000))
    case.dispatchers.stored_up_to = StoredUpTo(1, NOON_US)
    assert await case.count() == NOTHING
    case.clock.s += RECENT_S * 2
    assert await case.count() == ONE


async def test_nothing_is_left_out_if_a_dispatcher_gave_no_moment(case: LedgerCase) -> None:
    """A dispatcher that gives no moment may have a different clock: everything known is counted."""
    case.stream.deliver(booked(1, 60_000))
    case.dispatchers.stored_up_to = StoredUpTo(1, None)
    assert await case.count() == ONE


async def test_only_entries_of_the_period_are_left_out_of_it(case: LedgerCase) -> None:
    """A period that ended before the payment's stamp never included it."""
    case.stream.deliver(replace(booked(1, -5), requested_at=NOON - timedelta(seconds=2)))
    case.stream.deliver(booked(2, 5))
    case.dispatchers.stored_up_to = StoredUpTo(2, NOON_US)
    assert await case.count(NOON_US - 1) == ONE


async def test_a_settlement_without_the_time_of_its_booking_is_counted(case: LedgerCase) -> None:
    """Settlements of earlier versions lack the time of the answer."""
    case.stream.deliver(replace(booked(1, 0), booked_at=None))
    case.dispatchers.stored_up_to = StoredUpTo(1, NOON_US)
    assert await case.count() == ONE


async def test_a_book_that_stays_behind_answers_after_a_timeout(case: LedgerCase) -> None:
    """After a timeout, so that no client waits without bound."""
    case.dispatchers.stored_up_to = StoredUpTo(5, NOON_US)
    assert await case.count() == NOTHING


async def test_no_dispatcher_is_asked_about_a_period_long_past(case: LedgerCase) -> None:
    """What is booked now has a stamp of now, outside that period."""
    case.stream.deliver(booked(1, 0))
    case.clock.us = NOON_US + RECENT_US + 1
    assert await case.count(NOON_US) == ONE
    assert case.dispatchers.asked == []


async def test_how_long_a_booking_takes_to_be_counted_is_measured(case: LedgerCase) -> None:
    """From the dispatcher's answer to the book."""
    case.stream.deliver(booked(1, -8))
    assert (sum(case.ledger.counted_after.counts), case.ledger.counted_after.sum_ms) == (1, 8.0)
