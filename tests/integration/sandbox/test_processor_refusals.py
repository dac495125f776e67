"""Faults before the booking, and faults from the start: what the caller sees, and that nothing is booked."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.processor.faults import Fault
from tests.integration.sandbox.processor_faults import report, set_faults
from tests.integration.sandbox.processor_process import ProcessorProcess, StartProcessor, new_id, payment_request


@pytest.fixture
def processor(start_processor: StartProcessor, tmp_path: Path) -> ProcessorProcess:
    """A processor with a journal and no limit on health calls."""
    return start_processor("--journal", str(tmp_path / "journal"), "--health-window-ms", "1")


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.ERROR_BEFORE_BOOKING, 500),
        (Fault.TOO_MANY_REQUESTS, 429),
        (Fault.BAD_REQUEST, 400),
        (Fault.REDIRECT_302, 302),
        (Fault.REDIRECT_307, 307),
    ],
)
def test_refusing_answer_means_not_booked(processor: ProcessorProcess, fault: Fault, status: int) -> None:
    """An answer comes, nothing is booked, and the same id is charged once the faults are off."""
    set_faults(processor, fault)
    correlation_id = new_id()
    assert processor.post(correlation_id).status_code == status
    assert processor.client.get(f"/payments/{correlation_id}").status_code == 404
    assert report(processor)["done"][fault] == 1
    set_faults(processor)
    assert processor.post(correlation_id).status_code == 200


def test_a_processor_can_start_with_faults(tmp_path: Path) -> None:
    """A processor that refuses everything, is killed and restarted books nothing before the next admin call."""
    plan = tmp_path / "faults.json"
    plan.write_text('{"rates": {"bad_request": 1}}')
    running = ProcessorProcess("--faults", str(plan))
    try:
        assert running.post(new_id()).status_code == 400
        assert running.booked_ids() == []
    finally:
        running.stop(signal.SIGKILL)


def test_faults_to_start_with_must_be_faults(tmp_path: Path) -> None:
    """A mistake in the file is named; the processor does not start without faults."""
    plan = tmp_path / "faults.json"
    plan.write_text('{"rates": {"nonsense": 1}}')
    command = [sys.executable, "-m", "sandbox.processor", "--port", "0", "--faults", str(plan)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 1
    assert "nonsense is not a fault" in run.stderr


def test_a_followed_redirect_is_answered_unbooked_and_counted(processor: ProcessorProcess) -> None:
    """The target answers 200 and books nothing, so following it shows in the books and in the count."""
    set_faults(processor, Fault.REDIRECT_302)
    answer = processor.client.post(
        "/payments", content=payment_request(new_id()).partition(b"\r\n\r\n")[2], follow_redirects=True
    )
    assert answer.status_code == 200
    assert processor.booked_ids() == []
    assert report(processor)["redirects_followed"] == 1


def test_fault_after_booking_is_not_done_where_nothing_is_booked(processor: ProcessorProcess) -> None:
    """A failing processor answers 500 as usual, and nothing is counted."""
    set_faults(processor, Fault.GARBAGE_ANSWER)
    processor.configure("failure", value=True)
    assert processor.post(new_id()).status_code == 500
    assert report(processor)["done"][Fault.GARBAGE_ANSWER] == 0
