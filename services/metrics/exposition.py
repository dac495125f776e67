"""Metrics as text for Prometheus: the values of the sources, the process's own, which service it is, and its clock."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import assert_never

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from services.contracts.durations import BOUNDS_MS, Durations
from services.metrics.metric import Histogram, Metric, Numbers

_AT_MOST = (*(str(bound_ms / 1000) for bound_ms in BOUNDS_MS), "+Inf")

_NUMBERS: dict[str, type[CounterMetricFamily] | type[GaugeMetricFamily]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
}


class _Scrape(Collector):
    """The metrics of one scrape."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        yield from self._families


class Exposition:
    """The text of one service.

    Args:
        service: its name.
        version: what it says of itself to NATS too.
    """

    def __init__(self, service: str, version: str) -> None:
        self._info = InfoMetricFamily("tarifa_service", "Name and version of the service.")
        self._info.add_metric([], {"service": service, "version": version})
        self._process = ProcessCollector(registry=None)
        self._platform = PlatformCollector(registry=None)

    def text(self, metrics: Iterable[Metric], accept: str) -> tuple[bytes, str]:
        """Return the text and its content type, as the Accept header of the asker wants it."""
        # Read last: the samples of a scrape are stamped with its beginning.
        clock = GaugeMetricFamily(
            "tarifa_clock_seconds", "This service's clock: seconds since 1970 in UTC.", value=time.time()
        )
        own = (self._info, clock, *self._process.collect(), *self._platform.collect())
        encode, content_type = _encoder(accept)
        return encode(_Scrape([*own, *map(_family, metrics)])), content_type


def _encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):  # it names a version that is no number
        return choose_encoder("")


def _family(metric: Metric) -> Family:
    match metric:
        case Numbers(kind, name, text, labels, samples):
            numbers = _NUMBERS[kind](name, text, labels=labels)
            for values, number in samples.items():
                numbers.add_metric(values, number)
            return numbers
        case Histogram(name, text, labels, samples):
            histogram = HistogramMetricFamily(name, text, labels=labels)
            for values, took in samples.items():
                histogram.add_metric(values, _buckets(took), took.sum_ms / 1000)
            return histogram
        case never:
            assert_never(never)


def _buckets(took: Durations) -> list[tuple[str, float]]:
    return list(zip(_AT_MOST, accumulate(took.counts), strict=True))
