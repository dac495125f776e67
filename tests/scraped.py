"""A scrape for tests: one value by the metric's name and its labels."""

from collections.abc import Iterable, Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from services.metrics.exposition import Exposition
from services.metrics.metric import Metric, Source
from tests.nats_server import PATIENCE_S


class Scraped:
    """The samples of one scraped text."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    @property
    def names(self) -> set[str]:
        """All names of samples, as PromQL knows them."""
        return {sample.name for sample in self._samples}

    @property
    def labels(self) -> Mapping[str, set[str]]:
        """The names of the labels, by the name of the sample."""
        found: dict[str, set[str]] = {}
        for sample in self._samples:
            found.setdefault(sample.name, set()).update(sample.labels)
        return found

    def value(self, name: str, **labels: str) -> float:
        """Return the one sample that has exactly these labels."""
        (found,) = [each.value for each in self._samples if each.name == name and each.labels == labels]
        return found

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of all samples that have at least these labels."""
        return sum(each.value for each in self._samples if each.name == name and labels.items() <= each.labels.items())


def scrape(url: str) -> Scraped:
    """Scrape as Prometheus does."""
    answer = httpx.get(url, trust_env=False, timeout=PATIENCE_S)
    assert answer.status_code == 200, answer.text
    return Scraped(answer.text)


def exposed(metrics: Iterable[Metric]) -> Scraped:
    """Return what Prometheus would read of these metrics."""
    text, _ = Exposition("test", "1").text(metrics, "")
    return Scraped(text.decode())


async def scraped_from(source: Source) -> Scraped:
    """Return what Prometheus would read from a source now."""
    return exposed(await source())
