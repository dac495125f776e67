"""Delay, failure, limits, health and admin calls of the simulated processor: order and cause, never durations."""

import json
import time

import pytest

from tests.integration.sandbox.processor_process import (
    NEVER_MS,
    TOKEN,
    ProcessorProcess,
    StartProcessor,
    new_id,
    payment_request,
    request,
)


def test_failing_processor_books_nothing_but_answers_lookups(processor: ProcessorProcess) -> None:
    """During an outage POST is 500 with an empty body, while GET returns earlier bookings."""
    before, during = new_id(), new_id()
    processor.post(before)
    assert processor.configure("failure", value=True).status_code == 200
    failed = processor.post(during)
    assert (failed.status_code, failed.content) == (500, b"")
    assert processor.client.get(f"/payments/{before}").status_code == 200
    assert processor.client.get(f"/payments/{during}").status_code == 404
    processor.configure("failure", value=False)
    assert processor.post(during).status_code == 200


def test_failure_flag_is_read_after_the_delay(processor: ProcessorProcess) -> None:
    """A payment that arrived before the flag was set fails if it is set before the payment's delay is over."""
    processor.configure("delay", 200)
    correlation_id = new_id()
    answers = processor.pipeline(
        payment_request(correlation_id), request("PUT", "/admin/configurations/failure", {"failure": True})
    )
    assert [status for status, _ in answers] == [500, 200]
    assert processor.client.get(f"/payments/{correlation_id}").status_code == 404


def test_delay_is_read_on_arrival(processor: ProcessorProcess) -> None:
    """A payment that has arrived keeps its delay, whatever is configured afterwards."""
    processor.configure("delay", 200)
    answers = processor.pipeline(
        payment_request(new_id()), request("PUT", "/admin/configurations/delay", {"delay": NEVER_MS})
    )
    assert [status for status, _ in answers] == [200, 200]


def test_lookup_is_not_delayed(processor: ProcessorProcess) -> None:
    """GET is answered while payments are delayed without end."""
    correlation_id = new_id()
    processor.post(correlation_id)
    processor.configure("delay", NEVER_MS)
    assert processor.client.get(f"/payments/{correlation_id}").status_code == 200


def test_calls_beyond_both_limits_are_refused(start_processor: StartProcessor) -> None:
    """One runs, one waits, the third is 429; payments and lookups share the limit."""
    processor = start_processor("--running-max", "1", "--waiting-max", "1")
    processor.configure("delay", 200)
    running, waiting, refused = new_id(), new_id(), new_id()
    answers = processor.pipeline(
        payment_request(running),
        payment_request(waiting),
        payment_request(refused),
        request("GET", f"/payments/{running}"),
    )
    assert [status for status, _ in answers] == [200, 200, 429, 429]
    assert processor.booked_ids() == [running, waiting]


def test_waiting_calls_are_served_in_order_when_places_become_free(start_processor: StartProcessor) -> None:
    """All calls that wait for a place are served, the oldest first, even without a delay."""
    processor = start_processor("--running-max", "1")
    processor.configure("delay", 100)
    ids = [new_id() for _ in range(400)]
    answers = processor.pipeline(
        *map(payment_request, ids), request("PUT", "/admin/configurations/delay", {"delay": 0})
    )
    assert {status for status, _ in answers} == {200}
    assert processor.booked_ids() == ids


def test_health_returns_what_is_configured(processor: ProcessorProcess) -> None:
    """Failing and minResponseTime are the configured values."""
    processor.configure("delay", 1_234)
    processor.configure("failure", value=True)
    assert processor.client.get("/payments/service-health").json() == {"failing": True, "minResponseTime": 1_234}


def test_health_calls_beyond_the_window_are_held_then_refused(start_processor: StartProcessor) -> None:
    """The second and third wait for their own windows and see what is configured then; the fourth is refused."""
    processor = start_processor("--health-window-ms", "1000")
    ask = request("GET", "/payments/service-health")
    began = time.monotonic()
    answers = processor.pipeline(ask, ask, ask, ask, request("PUT", "/admin/configurations/delay", {"delay": 7}))
    assert [status for status, _ in answers] == [200, 200, 200, 429, 200]
    assert [json.loads(body)["minResponseTime"] for _, body in answers[:3]] == [0, 7, 7]
    assert time.monotonic() - began > 1.5  # two windows; longer only on a slow machine


def test_refused_health_call_returns_when_to_retry(start_processor: StartProcessor) -> None:
    """The 429 has Retry-After in whole seconds."""
    processor = start_processor("--health-window-ms", "600000", "--health-held-max", "0")
    answers = [processor.client.get("/payments/service-health") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].headers["Retry-After"] == "600"


def test_admin_calls_need_the_token(processor: ProcessorProcess) -> None:
    """Without the token, or with an old one, everything under /admin is 401."""
    assert processor.client.get("/admin/payments-summary").status_code == 401
    assert processor.client.get("/admin/payments").status_code == 401
    assert processor.client.post("/admin/purge-payments").status_code == 401
    assert processor.configure("token", "new").status_code == 204
    assert processor.configure("delay", 1).status_code == 401
    assert processor.client.get("/admin/payments-summary", headers={"X-Rinha-Token": "new"}).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [("delay", -1), ("delay", "1"), ("delay", True), ("delay", NEVER_MS + 1), ("failure", 1), ("token", None)],
)
def test_configuration_of_the_wrong_type_is_refused(processor: ProcessorProcess, name: str, value: object) -> None:
    """An invalid value is 400 and leaves the processor as it was."""
    assert processor.configure(name, value).status_code == 400
    assert processor.post(new_id()).status_code == 200


def test_summary_counts_the_period_with_both_ends(start_processor: StartProcessor) -> None:
    """Count, amount and fee of the period are exact; one end alone means everything."""
    processor = start_processor("--fee", "0.07")
    for second in (10, 20, 30, 40):
        processor.post(new_id(), 19.9, f"2025-07-15T12:00:{second}Z")
    ends = {"from": "2025-07-15T12:00:20Z", "to": "2025-07-15T12:00:30.000Z"}
    assert processor.summary(**ends) == {
        "totalRequests": 2,
        "totalAmount": "39.80",
        "totalFee": "2.7860",
        "feePerTransaction": "0.07",
    }
    assert processor.summary(to=ends["to"])["totalRequests"] == 4
    assert processor.summary()["totalAmount"] == "79.60"
    assert processor.client.get("/admin/payments-summary?from=x", headers=TOKEN).status_code == 400


def test_purge_empties_the_books(processor: ProcessorProcess) -> None:
    """After it the summary is zero, and a purged id may be charged again."""
    correlation_id = new_id()
    processor.post(correlation_id)
    assert processor.client.post("/admin/purge-payments", headers=TOKEN).status_code == 200
    assert processor.summary()["totalRequests"] == 0
    assert processor.post(correlation_id).status_code == 200
