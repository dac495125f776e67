"""What was charged where, at which fee, and how much that saved. Money is whole cents until the document is made.

The processors are those of the settings, followed by any others in the book or the log of assignments: what was
charged, or may have been, does not disappear with a setting. Such a processor's fee is not known, and so neither is
what was paid or saved in total.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec import to_builtins

from services.contracts.assignments import processor_of
from services.contracts.money import amount_of
from services.contracts.processor import Processor
from services.contracts.processor_entry import Pause
from services.contracts.pulse import DispatcherPulse, settled_at
from services.contracts.summary import Totals
from services.overview.core.instance_life import InstanceLife, per_s

_NOTHING = Totals(0, 0)

Dispatchers = Sequence[InstanceLife[DispatcherPulse]]


class PricedProcessor(NamedTuple):
    """A processor by name; the fee is None where the settings do not know it."""

    name: str
    fee: Decimal | None


class Fees(NamedTuple):
    """For settlements in total: what was paid, and how much more the most expensive processor would have cost.

    None where one of the processors has no known fee.
    """

    paid_cents: int | None
    saved_cents: int | None


def left_behind(dispatchers: Dispatchers) -> dict[str, int]:
    """Return how many payments are assigned to generations that no longer charge, as far as any dispatcher has read."""
    found: dict[str, int] = {}
    for life in dispatchers:
        for generation, count in life.newest.left_behind.items():
            found[generation] = max(count, found.get(generation, 0))
    return found


def charged(
    processors: Sequence[Processor], dispatchers: Dispatchers, totals: Mapping[str, Totals] | None
) -> tuple[list[dict[str, Any]], dict[str, float | None]]:
    """Return the processors, and the totals of them all, in units of money; the totals as ``fees_of``."""
    known = [PricedProcessor(one.name, one.fee) for one in processors]
    others = {*(totals or {}), *map(processor_of, left_behind(dispatchers))}
    known += [PricedProcessor(name, None) for name in sorted(others - {one.name for one in processors})]
    if totals is None:
        unknown = dict.fromkeys(("settled", "amount", "feesPaid", "saved"))
        return [_seen(one, dispatchers) | _booked(one, None, 0) for one in known], unknown
    booked = {one.name: totals.get(one.name, _NOTHING) for one in known}
    settled = sum(at_one.count for at_one in booked.values())
    fees = fees_of(processors, totals)
    return [_seen(one, dispatchers) | _booked(one, booked[one.name], settled) for one in known], {
        "settled": settled,
        "amount": amount_of(sum(at_one.cents for at_one in booked.values())),
        "feesPaid": _amount(fees.paid_cents),
        "saved": _amount(fees.saved_cents),
    }


def fees_of(processors: Sequence[Processor], totals: Mapping[str, Totals]) -> Fees:
    """Return what was paid for these totals, and saved: each computed exactly, then rounded to a whole cent."""
    fee_of = {one.name: one.fee for one in processors}
    most_expensive = max(fee_of.values())
    paid = saved = Decimal(0)
    for name, total in totals.items():
        fee = fee_of.get(name)
        if fee is not None:
            paid += total.cents * fee
            saved += total.cents * (most_expensive - fee)
        elif total.cents:
            return Fees(None, None)
    return Fees(round(paid), round(saved))


def rounded(value: float | None) -> float | None:
    """Return a figure to one decimal; None stays None."""
    return None if value is None else round(value, 1)


def _seen(processor: PricedProcessor, dispatchers: Dispatchers) -> dict[str, Any]:
    name = processor.name
    views = [life.newest.processors[name] for life in dispatchers if name in life.newest.processors]
    latencies = [view.latency_ms for view in views if view.latency_ms is not None]
    conditions = {view.condition for view in views}
    left = [count for generation, count in left_behind(dispatchers).items() if processor_of(generation) == name]
    return {
        "name": name,
        "fee": None if processor.fee is None else float(processor.fee),
        # If several dispatchers differ, the one with the worst condition may know the most.
        "condition": "failing" if "failing" in conditions else "serving" if conditions else "unknown",
        "paused": _paused([view.paused for view in views if view.paused is not None]),
        "latencyMs": rounded(max(latencies, default=None)),
        "inFlight": sum(view.in_flight for view in views) if views else None,
        "leftBehind": sum(left) if dispatchers else None,
        "settledPerS": per_s(dispatchers, lambda pulse: pulse.counts.get(settled_at(name), 0)),
    }


def _paused(pauses: Sequence[Pause]) -> dict[str, Any] | None:
    """Return who paused it; while dispatchers follow one after the other, one that knows is enough."""
    return to_builtins(pauses[0]) if pauses else None


def _booked(processor: PricedProcessor, totals: Totals | None, settled: int) -> dict[str, Any]:
    if totals is None:
        return dict.fromkeys(("settled", "amount", "share", "feesPaid"))
    return {
        "settled": totals.count,
        "amount": amount_of(totals.cents),
        "share": round(totals.count / settled, 4) if settled else None,
        "feesPaid": _amount(_fee_cents(totals.cents, processor.fee)),
    }


def _fee_cents(cents: int, fee: Decimal | None) -> int | None:
    """Return the fee in cents; 0 for nothing, even if the fee is not known."""
    return 0 if not cents else None if fee is None else round(cents * fee)


def _amount(cents: int | None) -> float | None:
    return None if cents is None else amount_of(cents)
