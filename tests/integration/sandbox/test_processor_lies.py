"""Faults of look-ups and of health, the admin call that switches faults, and the listing that an audit reads."""

import json
import signal
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from sandbox.processor.faults import Fault
from tests.integration.sandbox.processor_process import (
    NEVER_MS,
    TOKEN,
    ProcessorProcess,
    eventually,
    new_id,
    payment_request,
    request,
)

HEALTH = "/payments/service-health"
A_WHILE_S = 0.2  # how long nothing may happen: on a slow machine the check proves less, but is never wrong


@pytest.fixture
def processor() -> Iterator[ProcessorProcess]:
    """A processor without a limit on health calls."""
    running = ProcessorProcess("--health-window-ms", "1")
    yield running
    running.stop(signal.SIGKILL)


def set_faults(processor: ProcessorProcess, *faults: Fault, **fields: int) -> httpx.Response:
    """Make these faults certain."""
    plan = {"rates": dict.fromkeys(faults, 1), **fields}
    return processor.client.put("/admin/faults", json=plan, headers=TOKEN)


def booked(processor: ProcessorProcess) -> str:
    """Return an id that is booked."""
    correlation_id = new_id()
    processor.post(correlation_id)
    return correlation_id


def look_up(processor: ProcessorProcess, correlation_id: str) -> int:
    """Return the status of a look-up."""
    return processor.client.get(f"/payments/{correlation_id}").status_code


@pytest.mark.parametrize(
    ("fault", "is_health"),
    [(Fault.LOOK_UP_ERROR, False), (Fault.HEALTH_ERROR, True)],
)
def test_look_up_or_health_that_fails(processor: ProcessorProcess, fault: Fault, *, is_health: bool) -> None:
    """It is 500 until the faults are off."""
    path = HEALTH if is_health else f"/payments/{booked(processor)}"
    set_faults(processor, fault)
    assert processor.client.get(path).status_code == 500
    set_faults(processor)
    assert processor.client.get(path).status_code == 200


@pytest.mark.parametrize(("fault", "path"), [(Fault.LOOK_UP_CLOSE, "/payments/x"), (Fault.HEALTH_CLOSE, HEALTH)])
def test_look_up_or_health_that_closes(processor: ProcessorProcess, fault: Fault, path: str) -> None:
    """The connection ends without an answer."""
    set_faults(processor, fault)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        processor.client.get(path)


@pytest.mark.parametrize(("fault", "path"), [(Fault.LOOK_UP_HANG, "/payments/x"), (Fault.HEALTH_HANG, HEALTH)])
def test_look_up_or_health_that_hangs(processor: ProcessorProcess, fault: Fault, path: str) -> None:
    """There is no answer, and the connection stays open."""
    set_faults(processor, fault)
    with closing(processor.connect()) as connection:
        connection.sendall(request("GET", path))
        connection.settimeout(A_WHILE_S)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_stale_look_up_denies_what_was_just_booked(processor: ProcessorProcess) -> None:
    """A recent booking is answered with 404, an older one is found; without faults both are found."""
    before = booked(processor)
    set_faults(processor, Fault.LOOK_UP_STALE, stale_ms=NEVER_MS)
    young = booked(processor)
    assert (look_up(processor, before), look_up(processor, young)) == (200, 404)
    assert young in processor.booked_ids()
    set_faults(processor)
    assert look_up(processor, young) == 200


def test_stale_look_up_finds_a_booking_that_is_old_enough(processor: ProcessorProcess) -> None:
    """After `stale_ms` the booking is found."""
    set_faults(processor, Fault.LOOK_UP_STALE, stale_ms=100)
    correlation_id = booked(processor)
    assert eventually(lambda: look_up(processor, correlation_id) == 200)


@pytest.mark.parametrize(("fault", "status"), [(Fault.ERROR_AFTER_BOOKING, 200), (Fault.CLOSE_AFTER_BOOKING, 404)])
def test_booking_answered_with_an_error_is_never_denied(processor: ProcessorProcess, fault: Fault, status: int) -> None:
    """A "not found" after a 500 would be a lie that no caller can detect; after no answer it is allowed."""
    set_faults(processor, fault, Fault.LOOK_UP_STALE, stale_ms=NEVER_MS)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        connection.recv(1)
    assert look_up(processor, correlation_id) == status


def test_repetition_answered_with_an_error_ends_the_denial(processor: ProcessorProcess) -> None:
    """An id denied at first is found as soon as a call for it was answered with 5xx after booking."""
    set_faults(processor, Fault.LOOK_UP_STALE, stale_ms=NEVER_MS)
    correlation_id = booked(processor)
    put = {"rates": {"look_up_stale": 1, "error_after_booking": 1}, "stale_ms": NEVER_MS}
    processor.client.put("/admin/faults", json=put, headers=TOKEN)
    assert processor.post(correlation_id).status_code == 500
    assert look_up(processor, correlation_id) == 200


@pytest.mark.parametrize("is_failing", [True, False])
def test_health_that_lies_reports_the_opposite(processor: ProcessorProcess, *, is_failing: bool) -> None:
    """Healthy while failing, failing while healthy; the delay is reported correctly."""
    processor.configure("failure", value=is_failing)
    processor.configure("delay", 7)
    set_faults(processor, Fault.HEALTH_LIE)
    assert processor.client.get(HEALTH).json() == {"failing": not is_failing, "minResponseTime": 7}


def test_same_seed_and_requests_have_the_same_faults(processor: ProcessorProcess) -> None:
    """The statuses of a sequence of payments are the same in a second run, and different with another seed."""
    rates = {"error_before_booking": 0.3, "too_many_requests": 0.3}

    def run(seed: int) -> list[int]:
        processor.client.put("/admin/faults", json={"seed": seed, "rates": rates}, headers=TOKEN)
        return [status for status, _ in processor.pipeline(*(payment_request(new_id()) for _ in range(100)))]

    first = run(7)
    assert set(first) == {200, 429, 500}
    assert run(7) == first
    assert run(8) != first


def test_faults_need_the_token_and_a_valid_plan(processor: ProcessorProcess) -> None:
    """401 without the token, 400 for an unknown fault; neither changes the current plan."""
    assert set_faults(processor, Fault.TOO_MANY_REQUESTS).status_code == 200
    assert processor.client.put("/admin/faults", json={}).status_code == 401
    assert processor.client.get("/admin/faults").status_code == 401
    refused = processor.client.put("/admin/faults", json={"rates": {"nonsense": 1}}, headers=TOKEN)
    assert refused.status_code == 400
    assert "nonsense is not a fault" in refused.json()["message"]
    assert processor.post(new_id()).status_code == 429
    assert processor.client.put("/admin/faults", json={}, headers=TOKEN).json()["rates"] == {}
    assert processor.post(new_id()).status_code == 200


def test_long_listing_is_complete_and_in_order(processor: ProcessorProcess) -> None:
    """Many pieces make one listing of all payments that were booked at the time of the request."""
    ids = [new_id() for _ in range(1_600)]
    for begin in range(0, len(ids), 800):
        processor.pipeline(*map(payment_request, ids[begin : begin + 800]))
    answer = processor.client.get("/admin/payments", headers=TOKEN)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line)["correlationId"] for line in answer.text.splitlines()] == ids
