"""What the ledger tells Prometheus: the book's totals, how far it has come, and how full the settlements' stream is.

What the book says are gauges, not counters: it forgets when it is cleared, and grows anew when it is read again.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator

from services.bus.api import ApiError
from services.bus.connection import Bus, BusAwayError
from services.bus.lookup import StreamState, stream_state
from services.contracts.metrics import Metric, Source, counter, gauge, gauges_by
from services.contracts.subjects import SETTLEMENTS
from services.ledger.flow.counting import Ledger

STREAM_TIMEOUT_S = 1.0

log = logging.getLogger("tarifa.ledger")


def of_ledger(ledger: Ledger) -> Source:
    """Return the source for the book; while that is not whole, its totals are not told."""

    async def tell() -> Iterable[Metric]:
        return (*_book(ledger), *_totals(ledger), *_snapshots(ledger))

    return tell


def of_settlements(bus: Bus, bytes_max: int) -> Source:
    """Return the source for SETTLEMENTS; while NATS does not answer, nothing of it is told."""

    async def tell() -> Iterable[Metric]:
        state = await _state(bus)
        return () if state is None else _stream(state, bytes_max)

    return tell


def _book(ledger: Ledger) -> Iterator[Metric]:
    book = ledger.book
    yield gauge("tarifa_ledger_current", "1 while summaries are answered: the book is whole.", ledger.is_current)
    yield gauge("tarifa_ledger_entries", "Settlements that the book counts.", book.entries)
    yield gauge("tarifa_ledger_refused", "Payments that the book remembers as refused.", book.refused)
    yield gauge("tarifa_ledger_conflicts", "Settlements that contradict the book, of all stored.", ledger.conflicts)
    yield gauge("tarifa_ledger_unreadable", "Messages of SETTLEMENTS that are no event.", ledger.unreadable)
    yield gauge("tarifa_ledger_applied_seq", "The sequence of the last settlement in the book.", ledger.applied_seq)
    yield gauge("tarifa_ledger_memory_bytes", "What the book takes of the memory.", book.memory_bytes)


def _totals(ledger: Ledger) -> Iterator[Metric]:
    totals = ledger.summary(None, None)
    if totals is None:
        return
    yield gauges_by(
        "processor",
        "tarifa_ledger_settled_payments",
        "Settlements in the book, by processor.",
        {name: total.count for name, total in totals.items()},
    )
    yield gauges_by(
        "processor",
        "tarifa_ledger_settled_cents",
        "What was charged, by processor.",
        {name: total.cents for name, total in totals.items()},
    )


def _snapshots(ledger: Ledger) -> Iterator[Metric]:
    kept = ledger.kept
    yield gauge("tarifa_ledger_snapshot_seq", "The last settlement that the newest snapshot covers.", kept.seq)
    yield counter("tarifa_ledger_snapshots_refused_total", "Snapshots that could not be used.", kept.refused)
    yield counter("tarifa_ledger_snapshots_failed_total", "Snapshots that could not be stored.", kept.failed)


def _stream(state: StreamState, bytes_max: int) -> Iterator[Metric]:
    yield gauge("tarifa_settlements_last_seq", "The last sequence of SETTLEMENTS.", state.last_seq)
    yield gauge("tarifa_settlements_bytes", "What SETTLEMENTS holds.", state.size_bytes)
    yield gauge("tarifa_settlements_max_bytes", "What SETTLEMENTS may hold (SETTLEMENTS_BYTES_MAX).", bytes_max)


async def _state(bus: Bus) -> StreamState | None:
    try:
        async with asyncio.timeout(STREAM_TIMEOUT_S):
            return await stream_state(bus, SETTLEMENTS)
    except (BusAwayError, ApiError, TimeoutError) as error:
        log.debug("ledger.stream_not_read", extra={"error": str(error)})
        return None
