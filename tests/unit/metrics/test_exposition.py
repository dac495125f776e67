"""Metrics as text: read back by Prometheus's own parser, with every number in its place."""

import time

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from services.contracts.durations import BOUNDS_MS, Durations
from services.metrics.exposition import Exposition
from services.metrics.metric import Numbers, counter, counters_by, gauge, gauges_by, histogram, histograms_by
from tests.scraped import exposed

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5"


def took(*values_ms: float) -> Durations:
    """Return durations with these values."""
    durations = Durations()
    for value_ms in values_ms:
        durations.add(value_ms)
    return durations


def test_counters_and_gauges_are_read_back_with_their_labels() -> None:
    """By name and labels, each number is the one that was given."""
    scraped = exposed(
        [
            counter("tarifa_things_total", "Things.", 7),
            gauge("tarifa_level", "Level.", -2.5),
            counters_by("result", "tarifa_answers_total", "Answers.", {"good": 1, "bad": 2}),
            gauges_by("processor", "tarifa_fee_ratio", "Fee.", {"default": 0.05}),
            Numbers("counter", "tarifa_calls_total", "Calls.", ("processor", "outcome"), {("default", "booked"): 3}),
        ]
    )
    assert scraped.value("tarifa_things_total") == 7
    assert scraped.value("tarifa_level") == -2.5
    assert scraped.value("tarifa_answers_total", result="bad") == 2
    assert scraped.value("tarifa_fee_ratio", processor="default") == 0.05
    assert scraped.value("tarifa_calls_total", processor="default", outcome="booked") == 3


def test_durations_become_cumulative_buckets_in_seconds() -> None:
    """Each bucket counts what took at most its bound; the last one all; the sum is in seconds."""
    scraped = exposed([histogram("tarifa_wait_seconds", "Wait.", took(0.5, 2.0, 2.1, 90_000))])
    at_most = {bound_ms: scraped.value("tarifa_wait_seconds_bucket", le=str(bound_ms / 1000)) for bound_ms in BOUNDS_MS}
    assert (at_most[0.5], at_most[1.5], at_most[2.0], at_most[2.5], at_most[60_000.0]) == (1, 1, 2, 3, 3)
    assert scraped.value("tarifa_wait_seconds_bucket", le="+Inf") == 4
    assert scraped.value("tarifa_wait_seconds_count") == 4
    assert scraped.value("tarifa_wait_seconds_sum") == pytest.approx(90.0046)


def test_histograms_of_two_labels_are_kept_apart() -> None:
    """One series of buckets for each value."""
    both = {"default": took(1), "fallback": took(1, 2)}
    scraped = exposed([histograms_by("processor", "tarifa_call_seconds", "Call.", both)])
    assert scraped.value("tarifa_call_seconds_count", processor="default") == 1
    assert scraped.value("tarifa_call_seconds_count", processor="fallback") == 2


def test_every_service_exposes_its_name_and_its_process() -> None:
    """The form that all services share."""
    text, _ = Exposition("ledger", "1.2.3").text([], "")
    scraped = exposed([])
    assert 'tarifa_service_info{service="ledger",version="1.2.3"} 1.0' in text.decode()
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= scraped.names
    assert "python_info" in scraped.names


def test_openmetrics_is_returned_on_request() -> None:
    """The stricter parser reads the same, and the content type says which format it is."""
    metrics = [counter("tarifa_things_total", "Things.", 7), histogram("tarifa_wait_seconds", "Wait.", took(3))]
    text, content_type = Exposition("test", "1").text(metrics, OPENMETRICS)
    families = {family.name: family for family in openmetrics.text_string_to_metric_families(text.decode())}
    assert content_type.startswith("application/openmetrics-text")
    assert families["tarifa_things"].samples[0].value == 7
    assert families["tarifa_wait_seconds"].type == "histogram"


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain;version=x", "application/openmetrics-text;version=new"])
def test_an_odd_accept_header_gets_plain_text(accept: str) -> None:
    """A strange Accept header is not our error."""
    text, content_type = Exposition("test", "1").text([], accept)
    assert content_type.startswith("text/plain")
    assert list(text_string_to_metric_families(text.decode()))


def test_every_service_exposes_its_clock() -> None:
    """In seconds since 1970, as of the scrape: two services' clocks can be compared."""
    before_s = time.time()
    assert before_s <= exposed([]).value("tarifa_clock_seconds") <= time.time()
