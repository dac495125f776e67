"""A service's metrics for Prometheus, as values. Pure, and read only at a scrape.

Names follow Prometheus: ``tarifa_`` first, base units (``_seconds``, ``_bytes``), ``_total`` for what only grows.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from services.contracts.durations import Durations

# By the values of its labels, in the order of `labels`; one without labels has the sample ().
LabelValues = tuple[str, ...]
ALONE: LabelValues = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """One metric of plain numbers: a ``counter`` only grows in the life of a process, a ``gauge`` goes up and down."""

    kind: Literal["counter", "gauge"]
    name: str
    text: str
    labels: LabelValues
    samples: Mapping[LabelValues, float]


@dataclass(frozen=True, slots=True)
class Histogram:
    """One metric of how long things took; its name ends with ``_seconds``."""

    name: str
    text: str
    labels: LabelValues
    samples: Mapping[LabelValues, Durations]


Metric = Numbers | Histogram
Source = Callable[[], Awaitable[Iterable[Metric]]]  # asked once for each scrape


def counter(name: str, text: str, value: float) -> Numbers:
    """Return a counter without labels; ``text`` is its HELP line."""
    return Numbers("counter", name, text, (), {ALONE: value})


def gauge(name: str, text: str, value: float) -> Numbers:
    """Return a gauge without labels; ``text`` is its HELP line."""
    return Numbers("gauge", name, text, (), {ALONE: value})


def counters_by(label: str, name: str, text: str, values: Mapping[str, float]) -> Numbers:
    """Return a counter with one label, its values by that."""
    return Numbers("counter", name, text, (label,), {(key,): value for key, value in values.items()})


def gauges_by(label: str, name: str, text: str, values: Mapping[str, float]) -> Numbers:
    """Return a gauge with one label, its values by that."""
    return Numbers("gauge", name, text, (label,), {(key,): value for key, value in values.items()})


def histogram(name: str, text: str, took: Durations) -> Histogram:
    """Return a histogram without labels, its buckets those of ``Durations``, in seconds."""
    return Histogram(name, text, (), {ALONE: took})


def histograms_by(label: str, name: str, text: str, took: Mapping[str, Durations]) -> Histogram:
    """Return a histogram for each value of one label."""
    return Histogram(name, text, (label,), {(key,): durations for key, durations in took.items()})
