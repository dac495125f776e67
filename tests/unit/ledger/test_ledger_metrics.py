"""The metrics of the ledger."""

import asyncio
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from services.contracts.events import PaymentSettled
from services.contracts.money import Cents
from services.ledger.adapters.metrics import of_ledger
from services.ledger.core.book import Book
from services.ledger.core.integrity import Integrity
from services.ledger.flow.counting import Ledger
from tests.scraped import Scraped, scraped_from
from tests.unit.ledger.fakes import NoDispatchers, StillClock

START = datetime(2025, 8, 1, 12, 0, 0, tzinfo=UTC)
SETTLED = PaymentSettled("00000001-0000-4000-8000-000000000001", Cents(1990), "default", START, START, 1)


class Settlements:
    """A stream of which everything has been delivered, or not, as the test says."""

    def __init__(self) -> None:
        self.applied_seq = 0
        self.is_current = True

    def position(self) -> None:
        """Return no new position."""

    def resume_after(self, seq: int) -> None:
        """Start after that sequence."""
        self.applied_seq = seq

    async def caught_up(self) -> None:
        """Return at once: everything was delivered."""

    async def run(self) -> None:
        """Deliver nothing."""
        await asyncio.Event().wait()


@pytest.fixture
def settlements() -> Settlements:
    """A stream that the test controls."""
    return Settlements()


@pytest.fixture
def ledger(settlements: Settlements) -> Ledger:
    """A ledger over that stream."""
    return Ledger(
        Book(("default", "fallback")), lambda _record, _skip: settlements, NoDispatchers(), StillClock(), Integrity()
    )


async def read(ledger: Ledger) -> Scraped:
    """Return the scraped metrics."""
    return await scraped_from(of_ledger(ledger))


async def test_totals_equal_the_book_to_the_cent(ledger: Ledger, settlements: Settlements) -> None:
    """Count and cents by processor, and how far the book has read."""
    ledger.record(SETTLED, 1)
    settlements.applied_seq = 1
    scraped = await read(ledger)
    assert scraped.value("tarifa_ledger_settled_payments", processor="default") == 1
    assert scraped.value("tarifa_ledger_settled_cents", processor="default") == 1990
    assert scraped.value("tarifa_ledger_settled_cents", processor="fallback") == 0
    assert scraped.value("tarifa_ledger_applied_seq") == 1
    assert scraped.value("tarifa_ledger_entries") == 1


async def test_conflicts_and_unreadable_messages_are_counted(ledger: Ledger) -> None:
    """An operator must look at these."""
    ledger.record(SETTLED, 1)
    ledger.record(replace(SETTLED, amount_cents=Cents(1)), 2)
    ledger.skip(3, "no event")
    scraped = await read(ledger)
    assert scraped.value("tarifa_ledger_conflicts") == 1
    assert scraped.value("tarifa_ledger_unreadable") == 1


async def test_a_book_that_is_not_whole_reports_no_totals(ledger: Ledger, settlements: Settlements) -> None:
    """The sum of half the settlements would look like refunded money."""
    ledger.record(SETTLED, 1)
    settlements.is_current = False
    scraped = await read(ledger)
    assert scraped.value("tarifa_ledger_current") == 0
    assert not {name for name in scraped.names if name.startswith("tarifa_ledger_settled")}
