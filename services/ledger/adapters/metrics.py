"""The metrics of the ledger: the book's totals, how far it has read, and how full the settlements' stream is.

The book's values are gauges, not counters: they are reset when it is cleared, and grow again when it is reread.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping

from services.bus.jetstream.api import ApiError
from services.bus.jetstream.state import StreamState, stream_state
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts.subjects import SETTLEMENTS
from services.contracts.summary import Totals
from services.ledger.adapters.summary_endpoint import Answering
from services.metrics.metric import Metric, Source, counter, gauge, gauges_by, histogram

STREAM_TIMEOUT_S = 1.0

# By the fields of ``ledger.state``.
_GAUGES = {
    "caughtUp": ("tarifa_ledger_current", "1 while the book is complete, so that summaries are answered."),
    "entries": ("tarifa_ledger_entries", "Settlements in the book."),
    "refused": ("tarifa_ledger_refused", "Refused payments in the book."),
    "conflicts": ("tarifa_ledger_conflicts", "Settlements that contradict the book."),
    "unreadable": ("tarifa_ledger_unreadable", "Messages of SETTLEMENTS that cannot be read."),
    "missing": ("tarifa_ledger_settlements_missing", "Messages missing from SETTLEMENTS."),
    "differing": ("tarifa_ledger_stretches_differing", "Ranges of SETTLEMENTS that differ from what was counted."),
    "appliedSeq": ("tarifa_ledger_applied_seq", "The sequence of the last settlement in the book."),
    "memoryBytes": ("tarifa_ledger_memory_bytes", "Memory that the book uses."),
    "snapshotSeq": ("tarifa_ledger_snapshot_seq", "The sequence of the last settlement in the newest snapshot."),
}
_COUNTERS = {
    "reread": ("tarifa_ledger_settlements_reread_total", "Messages of SETTLEMENTS read again and compared."),
    "snapshotsRefused": ("tarifa_ledger_snapshots_refused_total", "Snapshots that could not be used."),
    "snapshotsFailed": ("tarifa_ledger_snapshots_failed_total", "Snapshots that could not be stored."),
}

_COUNTED_AFTER = "Time from the answer of a processor, by its dispatcher's clock, until the settlement is in the book."

log = logging.getLogger("tarifa.ledger")


def of_ledger(ledger: Answering) -> Source:
    """Return the source for the book; while that is not whole, its totals are left out."""

    async def read() -> Iterable[Metric]:
        state = ledger.state()
        gauges = [gauge(name, text, state[word]) for word, (name, text) in _GAUGES.items()]
        counters = [counter(name, text, state[word]) for word, (name, text) in _COUNTERS.items()]
        counted = histogram("tarifa_booked_to_counted_seconds", _COUNTED_AFTER, ledger.counted_after)
        return (*gauges, *counters, *_totals(ledger.totals(None, None)), counted)

    return read


def of_settlements(bus: Bus, bytes_max: int) -> Source:
    """Return the source for SETTLEMENTS; while NATS does not answer, they are left out."""

    async def read() -> Iterable[Metric]:
        state = await _state(bus)
        return () if state is None else _stream(state, bytes_max)

    return read


def _totals(totals: Mapping[str, Totals] | None) -> Iterator[Metric]:
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
        "Cents charged, by processor.",
        {name: total.cents for name, total in totals.items()},
    )


def _stream(state: StreamState, bytes_max: int) -> Iterator[Metric]:
    yield gauge("tarifa_settlements_last_seq", "The last sequence of SETTLEMENTS.", state.last_seq)
    yield gauge("tarifa_settlements_bytes", "Size of SETTLEMENTS.", state.size_bytes)
    yield gauge("tarifa_settlements_max_bytes", "Maximum size of SETTLEMENTS (SETTLEMENTS_BYTES_MAX).", bytes_max)
    yield gauges_by(
        "server",
        "tarifa_nats_server_up",
        "1 if the leader of SETTLEMENTS has heard from a server recently; absent for a single server.",
        {peer.name: peer.is_up() for peer in state.peers},
    )


async def _state(bus: Bus) -> StreamState | None:
    try:
        async with asyncio.timeout(STREAM_TIMEOUT_S):
            return await stream_state(bus, SETTLEMENTS)
    except (BusUnavailableError, ApiError, TimeoutError) as error:
        log.debug("ledger.stream_not_read", extra={"error": str(error)})
        return None
