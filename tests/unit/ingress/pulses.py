"""Pulses as tests of the fold hear them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from services.contracts.durations import Durations
from services.contracts.processor import Processor
from services.contracts.pulse import DispatcherPulse, IngressPulse, LedgerPulse, ProcessorSeen
from services.contracts.summary import Totals

BEGAN = datetime(2025, 7, 15, 12, tzinfo=UTC)
AGAIN = BEGAN + timedelta(minutes=5)
PROCESSORS = (
    Processor("default", "http://default", Decimal("0.05")),
    Processor("fallback", "http://fallback", Decimal("0.15")),
)


def ingress(
    accepted: int, *took_ms: float, instance: str = "ingress-1", started_at: datetime = BEGAN, replayed: int = 0
) -> IngressPulse:
    """Return a pulse of an ingress that has answered so often, and how long that took."""
    durations = Durations()
    for one in took_ms:
        durations.add(one)
    answers = {"accepted": accepted, "replayed": replayed}
    return IngressPulse(instance, started_at, answers, tuple(durations.counts))


def dispatcher(
    settled: Mapping[str, int] | None = None,
    seen: Mapping[str, ProcessorSeen] | None = None,
    instance: str = "dispatcher-1",
) -> DispatcherPulse:
    """Return a pulse of a dispatcher that has settled so many, by processor."""
    counts = {f"settled.{name}": count for name, count in (settled or {}).items()}
    known = {"default": ProcessorSeen("serving", 12.34, 3, 0), "fallback": ProcessorSeen("serving", None, 0, 0)}
    return DispatcherPulse(instance, BEGAN, 0, 0, 0.0, dict(seen or known), counts)


def ledger(totals: Mapping[str, Totals] | None, conflicts: int = 0, unreadable: int = 0) -> LedgerPulse:
    """Return a pulse of a ledger; no totals: its book is not whole."""
    return LedgerPulse("ledger", BEGAN, conflicts, unreadable, None if totals is None else dict(totals))
