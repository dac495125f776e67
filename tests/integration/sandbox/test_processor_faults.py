"""Every fault of the real processor over real sockets: what its caller sees, and that it booked exactly as it says."""

import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from sandbox.processor.faults import Call, Fault, Plan, decide
from tests.integration.sandbox.test_processor import NEVER_MS, TOKEN, Running, eventually, new_id, payment_request

OK_START = b"HTTP/1.1 200 OK\r\n"
# How long nothing is watched to happen: a slow machine makes such a watch say less, never something wrong.
A_WHILE_S = 0.2
NOT_BOOKED = {
    Fault.CLOSE_BEFORE_BOOKING,
    Fault.ERROR_BEFORE_BOOKING,
    Fault.TOO_MANY_REQUESTS,
    Fault.BAD_REQUEST,
    Fault.REDIRECT_302,
    Fault.REDIRECT_307,
    Fault.UNREAD,
    Fault.BOOK_LATE,  # not within the life of a test that says NEVER_MS
}
CHARGE_FAULTS = [fault for fault in Fault if not fault.startswith(("look_up_", "health_"))]


@pytest.fixture
def processor(tmp_path: Path) -> Iterator[Running]:
    """A processor with a journal and no limit on health calls."""
    running = Running("--journal", str(tmp_path / "journal"), "--health-window-ms", "1")
    yield running
    if running.process.returncode is None:
        running.stop(signal.SIGKILL)


def switch(processor: Running, *faults: Fault, **fields: int) -> None:
    """Make these faults certain."""
    put_plan(processor, {"rates": dict.fromkeys(faults, 1), **fields})


def put_plan(processor: Running, plan: dict[str, object]) -> None:
    """Put a plan in force."""
    answer = processor.client.put("/admin/faults", json=plan, headers=TOKEN)
    assert answer.status_code == 200, answer.text


def report(processor: Running) -> dict[str, dict[str, int]]:
    """What the processor says of its faults."""
    return dict(processor.client.get("/admin/faults", headers=TOKEN).json())


def said_until_closed(connection: socket.socket) -> bytes:
    """Everything that comes before the other side closes."""
    said = b""
    while piece := connection.recv(65_536):
        said += piece
    return said


def says_nothing(connection: socket.socket) -> bool:
    """Whether the connection stays open and silent for a while."""
    connection.settimeout(A_WHILE_S)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    return False


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
def test_refusing_answer_means_not_booked(processor: Running, fault: Fault, status: int) -> None:
    """The answer comes, nothing is booked, and the same id is charged once all is calm again."""
    switch(processor, fault)
    correlation_id = new_id()
    assert processor.post(correlation_id).status_code == status
    assert processor.client.get(f"/payments/{correlation_id}").status_code == 404
    assert report(processor)["done"][fault] == 1
    switch(processor)
    assert processor.post(correlation_id).status_code == 200


def test_a_processor_can_begin_with_faults(tmp_path: Path) -> None:
    """One that is killed while it refuses everything books nothing between its start and the next admin call."""
    plan = tmp_path / "faults.json"
    plan.write_text('{"rates": {"bad_request": 1}}')
    running = Running("--faults", str(plan))
    try:
        assert running.post(new_id()).status_code == 400
        assert running.booked_ids() == []
    finally:
        running.stop(signal.SIGKILL)


def test_faults_to_begin_with_must_be_faults(tmp_path: Path) -> None:
    """A slip in the file is named, instead of a processor that is well."""
    plan = tmp_path / "faults.json"
    plan.write_text('{"rates": {"nonsense": 1}}')
    command = [sys.executable, "-m", "sandbox.processor", "--port", "0", "--faults", str(plan)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 1
    assert "nonsense is not a fault" in run.stderr


def test_who_follows_a_redirect_is_deceived_and_counted(processor: Running) -> None:
    """The other place says 200 and books nothing, so that following shows in the books and in the count."""
    switch(processor, Fault.REDIRECT_302)
    answer = processor.client.post(
        "/payments", content=payment_request(new_id()).partition(b"\r\n\r\n")[2], follow_redirects=True
    )
    assert answer.status_code == 200
    assert processor.booked_ids() == []
    assert report(processor)["redirects_followed"] == 1


@pytest.mark.parametrize("fault", [Fault.CLOSE_BEFORE_BOOKING, Fault.CLOSE_AFTER_BOOKING])
def test_closed_without_an_answer(processor: Running, fault: Fault) -> None:
    """The connection ends without a byte, and only the fault's name says whether the payment is booked."""
    switch(processor, fault)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        assert said_until_closed(connection) == b""
    assert processor.booked_ids() == ([] if fault in NOT_BOOKED else [correlation_id])


@pytest.mark.parametrize("fault", [Fault.UNREAD, Fault.HANG_AFTER_BOOKING, Fault.BOOK_LATE, Fault.LATE_ANSWER])
def test_never_answered(processor: Running, fault: Fault) -> None:
    """The connection stays open and silent, and only the fault's name says whether the payment is booked."""
    switch(processor, fault, late_ms=NEVER_MS)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        assert says_nothing(connection)
        assert eventually(lambda: report(processor)["done"][fault] == 1)
        assert processor.booked_ids() == ([] if fault in NOT_BOOKED else [correlation_id])


def test_unread_connection_takes_no_later_request_either(processor: Running) -> None:
    """What follows on the connection is not booked, even when all is calm again."""
    switch(processor, Fault.UNREAD)
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(new_id()) * 2)
        assert eventually(lambda: report(processor)["done"][Fault.UNREAD] == 1)
        switch(processor)
        connection.sendall(payment_request(new_id()))
        assert says_nothing(connection)
    assert processor.booked_ids() == []


def test_half_an_answer(processor: Running) -> None:
    """The head and a piece of the body come, then the end; the payment is booked."""
    switch(processor, Fault.HALF_ANSWER)
    correlation_id = new_id()
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        processor.post(correlation_id)
    assert processor.booked_ids() == [correlation_id]


def test_garbage_for_an_answer(processor: Running) -> None:
    """What comes is not HTTP; the payment is booked."""
    switch(processor, Fault.GARBAGE_ANSWER)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        said = said_until_closed(connection)
    assert said
    assert b"HTTP/1" not in said
    assert processor.booked_ids() == [correlation_id]


def test_error_although_booked(processor: Running) -> None:
    """The answer is 500, the payment is booked, and so it is for a repetition of what is booked already."""
    switch(processor, Fault.ERROR_AFTER_BOOKING)
    correlation_id = new_id()
    assert [processor.post(correlation_id).status_code for _ in range(2)] == [500, 500]
    assert processor.booked_ids() == [correlation_id]


def test_slow_answer_is_booked_before_its_second_byte(processor: Running) -> None:
    """One byte comes and the payment is booked; the whole comes too, given time."""
    switch(processor, Fault.SLOW_ANSWER, byte_ms=NEVER_MS)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        assert connection.recv(100) == b"H"
        assert says_nothing(connection)
    assert processor.booked_ids() == [correlation_id]
    switch(processor, Fault.SLOW_ANSWER, byte_ms=1)
    assert processor.post(new_id()).json() == {"message": "payment processed successfully"}


def test_late_answer_is_the_right_one(processor: Running) -> None:
    """Who waits long enough gets it."""
    switch(processor, Fault.LATE_ANSWER, late_ms=50)
    assert processor.post(new_id()).status_code == 200


def test_held_payment_is_booked_after_the_caller_hung_up(processor: Running) -> None:
    """It is held while nothing is booked, and is booked in the end, although calm has come in between."""
    switch(processor, Fault.BOOK_LATE, late_ms=1_000)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        assert eventually(lambda: report(processor)["done"][Fault.BOOK_LATE] == 1)
    switch(processor)
    assert eventually(lambda: processor.booked_ids() == [correlation_id])
    assert report(processor)["held"] == 0


def test_unasked_answer_behind_the_answer(processor: Running) -> None:
    """Two answers come for one payment, and a caller that takes the second for its next payment's is wrong."""
    switch(processor, Fault.UNASKED_BEHIND)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        said = b""
        while said.count(b"successfully") < 2:
            said += connection.recv(65_536)
        assert said.count(OK_START) == 2
        switch(processor)
        connection.sendall(payment_request(new_id()))
        assert says_nothing(connection)
    assert processor.booked_ids() == [correlation_id]


def test_unasked_answer_on_an_idle_connection(processor: Running) -> None:
    """The answer comes, then a 504 that nobody asked for, then the end."""
    switch(processor, Fault.UNASKED_WHEN_IDLE)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
        said = said_until_closed(connection)
    assert said.startswith(OK_START)
    assert b"HTTP/1.1 504 Gateway Timeout\r\nConnection: close\r\n" in said
    assert processor.booked_ids() == [correlation_id]
    assert report(processor)["done"][Fault.UNASKED_WHEN_IDLE] == 1


def test_fault_after_booking_is_not_done_where_nothing_is_booked(processor: Running) -> None:
    """A failing processor answers 500 as ever, and nothing is counted."""
    switch(processor, Fault.GARBAGE_ANSWER)
    processor.configure("failure", value=True)
    assert processor.post(new_id()).status_code == 500
    assert report(processor)["done"][Fault.GARBAGE_ANSWER] == 0


def test_all_faults_leave_the_books_and_the_journal_right(processor: Running, tmp_path: Path) -> None:
    """Of a mix of all, exactly those are booked whose fault says so, and kill -9 with a restart changes nothing."""
    plan = Plan(seed=11, rates=dict.fromkeys(CHARGE_FAULTS, 0.05), late_ms=NEVER_MS)
    put_plan(processor, {"seed": plan.seed, "rates": dict(plan.rates), "late_ms": plan.late_ms})
    expected, connections, done = [], [], Counter[Fault]()
    for number in range(1, 201):
        correlation_id = new_id()
        connections.append(processor.connect())
        connections[-1].sendall(payment_request(correlation_id))
        fault = decide(plan, Call.CHARGE, number)
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
    again = Running("--journal", str(tmp_path / "journal"))
    try:
        assert again.booked_ids() == expected
        assert again.summary()["totalRequests"] == len(expected)
    finally:
        again.stop(signal.SIGKILL)
