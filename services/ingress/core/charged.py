"""What was charged where, at which fee, and what that saved. Money is whole cents until it is said."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from services.contracts.money import amount_of
from services.contracts.processor import Processor
from services.contracts.pulse import DispatcherPulse, settled_at
from services.contracts.summary import Totals
from services.ingress.core.life import Life, per_s

_NOTHING = Totals(0, 0)

Dispatchers = Sequence[Life[DispatcherPulse]]


def charged(
    processors: Sequence[Processor], dispatchers: Dispatchers, totals: Mapping[str, Totals] | None
) -> tuple[list[dict[str, Any]], dict[str, float | None]]:
    """Return the processors, and the totals of them all; fees are rounded to whole cents for each processor."""
    if totals is None:
        unknown = dict.fromkeys(("settled", "amount", "feesPaid", "saved"))
        return [_seen(one, dispatchers) | _booked(one, None, 0) for one in processors], unknown
    booked = {one.name: totals.get(one.name, _NOTHING) for one in processors}
    settled = sum(at_one.count for at_one in booked.values())
    cents = sum(at_one.cents for at_one in booked.values())
    fees = sum(_fee_cents(booked[one.name].cents, one.fee) for one in processors)
    dearest = max(one.fee for one in processors)
    return [_seen(one, dispatchers) | _booked(one, booked[one.name], settled) for one in processors], {
        "settled": settled,
        "amount": amount_of(cents),
        "feesPaid": amount_of(fees),
        "saved": amount_of(_fee_cents(cents, dearest) - fees),
    }


def rounded(value: float | None) -> float | None:
    """Return a figure to one decimal; what is unknown stays so."""
    return None if value is None else round(value, 1)


def _seen(processor: Processor, dispatchers: Dispatchers) -> dict[str, Any]:
    name = processor.name
    views = [life.newest.processors[name] for life in dispatchers if name in life.newest.processors]
    latencies = [view.latency_ms for view in views if view.latency_ms is not None]
    conditions = {view.condition for view in views}
    return {
        "name": name,
        "fee": float(processor.fee),
        # Of several dispatchers the one that believes the worst may know the most.
        "condition": "failing" if "failing" in conditions else "serving" if conditions else "unknown",
        "latencyMs": rounded(max(latencies, default=None)),
        "inFlight": sum(view.in_flight for view in views) if views else None,
        "settledPerS": per_s(dispatchers, lambda pulse: pulse.counts.get(settled_at(name), 0)),
    }


def _booked(processor: Processor, totals: Totals | None, settled: int) -> dict[str, Any]:
    if totals is None:
        return dict.fromkeys(("settled", "amount", "share", "feesPaid"))
    return {
        "settled": totals.count,
        "amount": amount_of(totals.cents),
        "share": round(totals.count / settled, 4) if settled else None,
        "feesPaid": amount_of(_fee_cents(totals.cents, processor.fee)),
    }


def _fee_cents(cents: int, fee: Decimal) -> int:
    return round(cents * fee)
