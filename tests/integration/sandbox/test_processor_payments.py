"""What the simulated processor books and answers for a payment, and what it refuses."""

import signal
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.sandbox.processor_process import (
    STAMP,
    TOKEN,
    ProcessorProcess,
    StartProcessor,
    eventually,
    new_id,
    payment_request,
    request,
)


def test_payment_is_booked_and_found(processor: ProcessorProcess) -> None:
    """A charged payment is answered with 200, and GET returns it as it was sent."""
    correlation_id = new_id()
    answer = processor.post(correlation_id)
    assert (answer.status_code, answer.json()) == (200, {"message": "payment processed successfully"})
    found = processor.client.get(f"/payments/{correlation_id.upper()}")
    assert found.status_code == 200
    assert found.json() == {"correlationId": correlation_id, "amount": 19.9, "requestedAt": STAMP}


@pytest.mark.parametrize(
    "path", ["/payments/00000000-0000-4000-8000-000000000404", "/payments/nonsense", "/payments/", "/elsewhere"]
)
def test_what_is_not_booked_is_not_found(processor: ProcessorProcess, path: str) -> None:
    """An unknown id, a text that is not an id, and an unknown path are 404."""
    assert processor.client.get(path).status_code == 404


def test_second_charge_of_one_id_is_refused_and_changes_nothing(processor: ProcessorProcess) -> None:
    """The same id, in upper or lower case and with any amount, is 422, and the first booking remains."""
    correlation_id = new_id()
    processor.post(correlation_id, 19.9)
    again = processor.post(correlation_id.upper(), 5)
    assert again.status_code == 422
    assert "CorrelationId already exists" in again.json()["message"]
    assert processor.client.get(f"/payments/{correlation_id}").json()["amount"] == 19.9
    assert processor.summary()["totalRequests"] == 1


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"amount": 1}', b'{"correlationId": "x", "amount": 1, "requestedAt": "now"}']
)
def test_unreadable_payment_is_refused(processor: ProcessorProcess, body: bytes) -> None:
    """It is 400 with a message, and nothing is booked."""
    answer = processor.client.post("/payments", content=body)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert processor.booked_ids() == []


def test_amount_is_rounded_and_stamp_kept_to_the_microsecond(processor: ProcessorProcess) -> None:
    """The amount is booked with two decimals, the stamp with six."""
    correlation_id = new_id()
    processor.post(correlation_id, 10.005, "2025-07-15T09:34:56.1234567-03:00")
    found = processor.client.get(f"/payments/{correlation_id}")
    assert b'"amount":10.01,' in found.content
    assert found.json()["requestedAt"] == "2025-07-15T12:34:56.123456Z"


def test_payment_is_booked_although_the_caller_hung_up(processor: ProcessorProcess) -> None:
    """Hanging up during the delay changes nothing: the payment is booked after the caller has gone."""
    processor.configure("delay", 500)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
    assert eventually(lambda: processor.client.get(f"/payments/{correlation_id}").status_code == 200)


def test_method_that_a_path_does_not_serve_is_refused(processor: ProcessorProcess) -> None:
    """A known path with another method is 405."""
    assert processor.client.get("/payments").status_code == 405
    assert processor.client.delete(f"/payments/{uuid4()}").status_code == 405


def test_answers_on_one_connection_are_in_the_order_of_its_requests(processor: ProcessorProcess) -> None:
    """A fast call behind a delayed one waits for it."""
    processor.configure("delay", 200)
    correlation_id = new_id()
    answers = processor.pipeline(payment_request(correlation_id), request("GET", f"/payments/{correlation_id}"))
    assert [status for status, _ in answers] == [200, 404]


def test_kill_loses_no_answered_payment(start_processor: StartProcessor, tmp_path: Path) -> None:
    """After kill -9, a torn last line and a restart, twice, the books have the payments that were answered."""
    journal = tmp_path / "journal"
    ids = [new_id() for _ in range(50)]
    first = start_processor("--journal", str(journal))
    first.post(new_id())
    first.client.post("/admin/purge-payments", headers=TOKEN)
    for correlation_id in ids:
        assert first.post(correlation_id).status_code == 200
    first.stop(signal.SIGKILL)
    with journal.open("ab") as file:
        file.write(f"B {new_id()} 19".encode())

    second = start_processor("--journal", str(journal))
    assert second.booked_ids() == ids
    assert second.summary()["totalAmount"] == "995.00"
    assert second.post(ids[7]).status_code == 422
    ids.append(new_id())
    second.post(ids[-1])
    second.stop(signal.SIGKILL)
    assert start_processor("--journal", str(journal)).booked_ids() == ids
