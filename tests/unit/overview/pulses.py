"""Pulses for tests of the overview, and the overview with a clock of its own."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.contracts.durations import Durations
from services.contracts.processor import Processor
from services.contracts.pulse import DispatcherPulse, IngressPulse, LedgerPulse, ProcessorSeen, Pulse
from services.contracts.summary import Totals
from services.overview.core.vitals import Backlog, Vitals

BEGAN = datetime(2025, 7, 15, 12, tzinfo=UTC)
AT = datetime(2025, 7, 15, 12, 30, 0, 123_456, tzinfo=UTC)
AGAIN = BEGAN + timedelta(minutes=5)
TOTALS = {"default": Totals(100, 199_000), "fallback": Totals(10, 19_900)}
EMPTY = Backlog(0, 0.0, 0)
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
    started_at: datetime = BEGAN,
    left_behind: Mapping[str, int] | None = None,
    **happened: int,
) -> DispatcherPulse:
    """Return a pulse of a dispatcher that has settled so many, by processor, and counted what else ``happened``."""
    counts = {f"settled.{name}": count for name, count in (settled or {}).items()} | happened
    known = {"default": ProcessorSeen("serving", 12.34, 3, 0), "fallback": ProcessorSeen("serving", None, 0, 0)}
    processors, left = dict(seen or known), dict(left_behind or {})
    return DispatcherPulse(instance, started_at, 0, 0, 0.0, processors, counts, left_behind=left)


def ledger(totals: Mapping[str, Totals] | None, conflicts: int = 0, unreadable: int = 0) -> LedgerPulse:
    """Return a pulse of a ledger; no totals: its book is not whole."""
    return LedgerPulse("ledger", BEGAN, conflicts, unreadable, None if totals is None else dict(totals))


class Watched:
    """Vitals with their own clock, which advances a second with each document."""

    def __init__(self, processors: tuple[Processor, ...] = PROCESSORS) -> None:
        self.now_s = 1_000.0
        self.vitals = Vitals(processors, self.now_s)

    def second(self, *pulses: Pulse, backlog: Backlog | None = EMPTY) -> dict[str, Any]:
        """Let a second pass in which these pulses came; return the document at its end."""
        self.now_s += 1
        for pulse in pulses:
            self.vitals.add_pulse(pulse, self.now_s)
        if backlog is not None:
            self.vitals.set_backlog(backlog, self.now_s)
        return self.vitals.document(self.now_s, AT)

    def seconds(self, count: int, *pulses: Pulse, backlog: Backlog | None = EMPTY) -> dict[str, Any]:
        """Let seconds pass, each with the same pulses."""
        return [self.second(*pulses, backlog=backlog) for _ in range(count)][-1]
