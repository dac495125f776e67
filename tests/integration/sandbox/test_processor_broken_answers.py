"""Every fault of an answer over real sockets: what the caller sees, and whether the payment is booked."""

import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from sandbox.processor.faults import CallKind, Fault, FaultPlan, decide
from tests.integration.sandbox.processor_faults import (
    CHARGE_FAULTS,
    NOT_BOOKED,
    OK_START,
    put_plan,
    received_until_closed,
    receives_nothing,
    report,
    set_faults,
)
from tests.integration.sandbox.processor_process import (
    NEVER_MS,
    ProcessorProcess,
    StartProcessor,
    eventually,
    new_id,
    payment_request,
)


@pytest.fixture
def processor(start_processor: StartProcessor, tmp_path: Path) -> ProcessorProcess:
    """A processor with a journal and no limit on health calls."""
    return start_processor("--journal", str(tmp_path / "journal"), "--health-window-ms", "1")


@pytest.mark.parametrize("fault", [Fault.CLOSE_BEFORE_BOOKING, Fault.CLOSE_AFTER_BOOKING])
def test_connection_closed_without_an_answer(processor: ProcessorProcess, fault: Fault) -> None:
    """The connection ends without a byte; whether the payment is booked depends only on the fault."""
    set_faults(processor, fault)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        assert received_until_closed(connection) == b""
    assert processor.booked_ids() == ([] if fault in NOT_BOOKED else [correlation_id])


@pytest.mark.parametrize("fault", [Fault.UNREAD, Fault.HANG_AFTER_BOOKING, Fault.BOOK_LATE, Fault.LATE_ANSWER])
def test_payment_that_is_never_answered(processor: ProcessorProcess, fault: Fault) -> None:
    """The connection stays open and silent; whether the payment is booked depends only on the fault."""
    set_faults(processor, fault, late_ms=NEVER_MS)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        assert receives_nothing(connection)
        assert eventually(lambda: report(processor)["done"][fault] == 1)
        assert processor.booked_ids() == ([] if fault in NOT_BOOKED else [correlation_id])


def test_unread_connection_takes_no_later_request_either(processor: ProcessorProcess) -> None:
    """Later requests on the connection are not booked, even when the faults are off."""
    set_faults(processor, Fault.UNREAD)
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(new_id()) * 2)
        assert eventually(lambda: report(processor)["done"][Fault.UNREAD] == 1)
        set_faults(processor)
        connection.sendall(payment_request(new_id()))
        assert receives_nothing(connection)
    assert processor.booked_ids() == []


def test_half_an_answer_is_booked(processor: ProcessorProcess) -> None:
    """The head and a part of the body come, then the end; the payment is booked."""
    set_faults(processor, Fault.HALF_ANSWER)
    correlation_id = new_id()
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        processor.post(correlation_id)
    assert processor.booked_ids() == [correlation_id]


def test_an_answer_that_is_not_http_is_booked(processor: ProcessorProcess) -> None:
    """The answer is not HTTP; the payment is booked."""
    set_faults(processor, Fault.GARBAGE_ANSWER)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        received = received_until_closed(connection)
    assert received
    assert b"HTTP/1" not in received
    assert processor.booked_ids() == [correlation_id]


def test_error_although_booked(processor: ProcessorProcess) -> None:
    """The answer is 500 and the payment is booked; a repetition is answered with 500 too."""
    set_faults(processor, Fault.ERROR_AFTER_BOOKING)
    correlation_id = new_id()
    assert [processor.post(correlation_id).status_code for _ in range(2)] == [500, 500]
    assert processor.booked_ids() == [correlation_id]


def test_slow_answer_is_booked_before_its_second_byte(processor: ProcessorProcess) -> None:
    """The payment is booked when the first byte comes; the rest comes later."""
    set_faults(processor, Fault.SLOW_ANSWER, byte_ms=NEVER_MS)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        assert connection.recv(100) == b"H"
        assert receives_nothing(connection)
    assert processor.booked_ids() == [correlation_id]
    set_faults(processor, Fault.SLOW_ANSWER, byte_ms=1)
    assert processor.post(new_id()).json() == {"message": "payment processed successfully"}


def test_late_answer_is_the_right_one(processor: ProcessorProcess) -> None:
    """A caller that waits long enough receives it."""
    set_faults(processor, Fault.LATE_ANSWER, late_ms=50)
    assert processor.post(new_id()).status_code == 200


def test_held_payment_is_booked_after_the_caller_hung_up(processor: ProcessorProcess) -> None:
    """It is held, and booked in the end although the faults were switched off meanwhile."""
    set_faults(processor, Fault.BOOK_LATE, late_ms=1_000)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        assert eventually(lambda: report(processor)["done"][Fault.BOOK_LATE] == 1)
    set_faults(processor)
    assert eventually(lambda: processor.booked_ids() == [correlation_id])
    assert report(processor)["held"] == 0


def test_second_answer_behind_the_answer(processor: ProcessorProcess) -> None:
    """Two answers come for one payment; a caller that takes the second for its next payment's is wrong."""
    set_faults(processor, Fault.UNASKED_BEHIND)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        received = b""
        while received.count(b"successfully") < 2:
            received += connection.recv(65_536)
        assert received.count(OK_START) == 2
        set_faults(processor)
        connection.sendall(payment_request(new_id()))
        assert receives_nothing(connection)
    assert processor.booked_ids() == [correlation_id]


def test_answer_without_a_request_on_an_idle_connection(processor: ProcessorProcess) -> None:
    """The answer comes, then a 504 without a request, then the end."""
    set_faults(processor, Fault.UNASKED_WHEN_IDLE)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        received = received_until_closed(connection)
    assert received.startswith(OK_START)
    assert b"HTTP/1.1 504 Gateway Timeout\r\nConnection: close\r\n" in received
    assert processor.booked_ids() == [correlation_id]
    assert report(processor)["done"][Fault.UNASKED_WHEN_IDLE] == 1


def test_all_faults_leave_the_books_and_the_journal_right(processor: ProcessorProcess, tmp_path: Path) -> None:
    """In a mix of all faults exactly those are booked whose fault says so, also after kill -9 and a restart."""
    plan = FaultPlan(seed=11, rates=dict.fromkeys(CHARGE_FAULTS, 0.05), late_ms=NEVER_MS)
    put_plan(processor, {"seed": plan.seed, "rates": dict(plan.rates), "late_ms": plan.late_ms})
    expected, connections, done = [], [], Counter[Fault]()
    for number in range(1, 201):
        correlation_id = new_id()
        connections.append(processor.connect())
        connections[-1].sendall(payment_request(correlation_id))
        fault = decide(plan, CallKind.CHARGE, number)
        if fault not in NOT_BOOKED:
            expected.append(correlation_id)
        if fault is None or fault is Fault.UNASKED_WHEN_IDLE:  # counted only later
            connections[-1].recv(1)
        else:
            done[fault] += 1
            assert eventually(lambda name=fault, count=done[fault]: report(processor)["done"][name] == count)
    assert set(done) == set(CHARGE_FAULTS) - {Fault.UNASKED_WHEN_IDLE}
    assert processor.booked_ids() == expected
    processor.stop(signal.SIGKILL)
    for connection in connections:
        connection.close()
    again = ProcessorProcess("--journal", str(tmp_path / "journal"))
    try:
        assert again.booked_ids() == expected
        assert again.summary()["totalRequests"] == len(expected)
    finally:
        again.stop(signal.SIGKILL)
