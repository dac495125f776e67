"""The real processor as a process, spoken to over HTTP: order and causality, never durations.

Where requests must arrive in a known order they are pipelined on one connection: the processor takes them in that order
and answers in that order, however slow the machine is.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import httpx
import pytest

ROOT = Path(__file__).parents[3]
TOKEN = {"X-Rinha-Token": "123"}
STAMP = "2025-07-15T12:34:56.123Z"
PATIENCE_S = 30  # how long a thing that must happen may take; nothing is measured by it
NEVER_MS = 600_000  # a delay that no test would live to see the end of

Start = Callable[..., "Running"]


class Running:
    """A processor that listens, and a client for it."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.processor", "--port", "0", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert ready.startswith("listening on http://127.0.0.1:"), ready
        self.url = ready.removeprefix("listening on ").strip()
        self.port = int(self.url.rpartition(":")[2])
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE_S)

    def post(self, correlation_id: str, amount: float = 19.9, requested_at: str = STAMP) -> httpx.Response:
        """Ask for one payment."""
        fields = {"correlationId": correlation_id, "amount": amount, "requestedAt": requested_at}
        return self.client.post("/payments", json=fields)

    def configure(self, name: str, value: object) -> httpx.Response:
        """Set delay, failure or token."""
        return self.client.put(f"/admin/configurations/{name}", json={name: value}, headers=TOKEN)

    def summary(self, **period: str) -> dict[str, object]:
        """The admin summary, its decimals as text so that no digit is lost."""
        answer = self.client.get("/admin/payments-summary", params=period, headers=TOKEN)
        assert answer.status_code == 200
        return dict(json.loads(answer.text, parse_float=str))

    def booked_ids(self) -> list[str]:
        """The ids of all booked payments in order of booking."""
        answer = self.client.get("/admin/payments", headers=TOKEN)
        return [json.loads(line)["correlationId"] for line in answer.text.splitlines()]

    def pipeline(self, *requests: bytes) -> list[tuple[int, bytes]]:
        """Send all requests at once on one connection and give status and body of each answer."""
        with closing(self.connect()) as connection:
            connection.sendall(b"".join(requests))
            with connection.makefile("rb") as stream:
                return [read_answer(stream) for _ in requests]

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; gives the exit code."""
        self.client.close()
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def read_answer(stream: BinaryIO) -> tuple[int, bytes]:
    """Read one response: its status and body."""
    status = int(stream.readline().split(b" ")[1])
    length = 0
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.partition(b": ")
        if name == b"Content-Length":
            length = int(value)
    return status, stream.read(length)


def request(method: str, path: str, fields: object = None) -> bytes:
    """A request with the admin token, as bytes for a pipeline."""
    body = b"" if fields is None else json.dumps(fields).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: h\r\nX-Rinha-Token: 123\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def payment_request(correlation_id: str) -> bytes:
    """A payment as bytes for a pipeline."""
    return request("POST", "/payments", {"correlationId": correlation_id, "amount": 1, "requestedAt": STAMP})


def new_id() -> str:
    """An id that was never used."""
    return str(uuid4())


def eventually(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so before patience ends."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processors and stops what the test left running."""
    running: list[Running] = []

    def start_one(*arguments: str) -> Running:
        running.append(Running(*arguments))
        return running[-1]

    yield start_one
    for processor in running:
        if processor.process.returncode is None:
            processor.stop(signal.SIGKILL)


@pytest.fixture
def processor(start: Start) -> Running:
    """One processor as it is by default."""
    return start()


def test_payment_is_booked_and_found(processor: Running) -> None:
    """A charged payment is answered 200 and given by GET as it was sent."""
    correlation_id = new_id()
    answer = processor.post(correlation_id)
    assert (answer.status_code, answer.json()) == (200, {"message": "payment processed successfully"})
    found = processor.client.get(f"/payments/{correlation_id.upper()}")
    assert found.status_code == 200
    assert found.json() == {"correlationId": correlation_id, "amount": 19.9, "requestedAt": STAMP}


@pytest.mark.parametrize(
    "path", ["/payments/00000000-0000-4000-8000-000000000404", "/payments/nonsense", "/payments/", "/elsewhere"]
)
def test_what_is_not_booked_is_not_found(processor: Running, path: str) -> None:
    """An unknown id, a text that is no id, and an unknown path are 404."""
    assert processor.client.get(path).status_code == 404


def test_second_charge_of_one_id_is_refused_and_changes_nothing(processor: Running) -> None:
    """The same id, in either case and with any amount, is 422 and the first booking stands."""
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
def test_unreadable_payment_is_refused(processor: Running, body: bytes) -> None:
    """It is 400 with a message, and nothing is booked."""
    answer = processor.client.post("/payments", content=body)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert processor.booked_ids() == []


def test_amount_is_rounded_and_stamp_kept_to_the_microsecond(processor: Running) -> None:
    """Two decimals of the amount and six of the stamp's second are what is booked."""
    correlation_id = new_id()
    processor.post(correlation_id, 10.005, "2025-07-15T09:34:56.1234567-03:00")
    found = processor.client.get(f"/payments/{correlation_id}")
    assert b'"amount":10.01,' in found.content
    assert found.json()["requestedAt"] == "2025-07-15T12:34:56.123456Z"


def test_failing_processor_books_nothing_but_answers_look_ups(processor: Running) -> None:
    """During an outage POST is 500 with an empty body while GET returns what was booked before."""
    before, during = new_id(), new_id()
    processor.post(before)
    assert processor.configure("failure", value=True).status_code == 200
    failed = processor.post(during)
    assert (failed.status_code, failed.content) == (500, b"")
    assert processor.client.get(f"/payments/{before}").status_code == 200
    assert processor.client.get(f"/payments/{during}").status_code == 404
    processor.configure("failure", value=False)
    assert processor.post(during).status_code == 200


def test_failure_flag_is_read_after_the_delay(processor: Running) -> None:
    """A payment that arrived while all was well fails if the flag is set before its delay is over."""
    processor.configure("delay", 200)
    correlation_id = new_id()
    answers = processor.pipeline(
        payment_request(correlation_id), request("PUT", "/admin/configurations/failure", {"failure": True})
    )
    assert [status for status, _ in answers] == [500, 200]
    assert processor.client.get(f"/payments/{correlation_id}").status_code == 404


def test_delay_is_read_on_arrival(processor: Running) -> None:
    """A payment that has arrived keeps its delay, whatever is configured afterwards."""
    processor.configure("delay", 200)
    answers = processor.pipeline(
        payment_request(new_id()), request("PUT", "/admin/configurations/delay", {"delay": NEVER_MS})
    )
    assert [status for status, _ in answers] == [200, 200]


def test_look_up_is_not_delayed(processor: Running) -> None:
    """GET answers while payments are held up without end."""
    correlation_id = new_id()
    processor.post(correlation_id)
    processor.configure("delay", NEVER_MS)
    assert processor.client.get(f"/payments/{correlation_id}").status_code == 200


def test_payment_is_booked_although_the_caller_hung_up(processor: Running) -> None:
    """Hanging up during the delay changes nothing: the booking comes, after the caller has gone."""
    processor.configure("delay", 500)
    correlation_id = new_id()
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(correlation_id))
    assert eventually(lambda: processor.client.get(f"/payments/{correlation_id}").status_code == 200)


def test_calls_beyond_both_limits_are_refused(start: Start) -> None:
    """One inside, one in line, and the third is 429; payments and look-ups share the limit."""
    processor = start("--running-max", "1", "--waiting-max", "1")
    processor.configure("delay", 200)
    inside, in_line, refused = new_id(), new_id(), new_id()
    answers = processor.pipeline(
        payment_request(inside),
        payment_request(in_line),
        payment_request(refused),
        request("GET", f"/payments/{inside}"),
    )
    assert [status for status, _ in answers] == [200, 200, 429, 429]
    assert processor.booked_ids() == [inside, in_line]


def test_line_is_served_in_order_when_places_become_free(start: Start) -> None:
    """A long line behind one place is worked off completely, the oldest first, even without a delay."""
    processor = start("--running-max", "1")
    processor.configure("delay", 100)
    ids = [new_id() for _ in range(400)]
    answers = processor.pipeline(
        *map(payment_request, ids), request("PUT", "/admin/configurations/delay", {"delay": 0})
    )
    assert {status for status, _ in answers} == {200}
    assert processor.booked_ids() == ids


def test_health_tells_what_is_configured(processor: Running) -> None:
    """Failing and minResponseTime are the configured values."""
    processor.configure("delay", 1_234)
    processor.configure("failure", value=True)
    assert processor.client.get("/payments/service-health").json() == {"failing": True, "minResponseTime": 1_234}


def test_health_calls_beyond_the_window_are_held_then_refused(start: Start) -> None:
    """The second and third wait for windows of their own, see what is configured then, and the fourth is refused."""
    processor = start("--health-window-ms", "1000")
    ask = request("GET", "/payments/service-health")
    began = time.monotonic()
    answers = processor.pipeline(ask, ask, ask, ask, request("PUT", "/admin/configurations/delay", {"delay": 7}))
    assert [status for status, _ in answers] == [200, 200, 200, 429, 200]
    assert [json.loads(body)["minResponseTime"] for _, body in answers[:3]] == [0, 7, 7]
    assert time.monotonic() - began > 1.5  # two windows; only ever longer on a slow machine


def test_refused_health_call_is_told_when_to_come_back(start: Start) -> None:
    """The 429 carries Retry-After in whole seconds."""
    processor = start("--health-window-ms", "600000", "--health-held-max", "0")
    answers = [processor.client.get("/payments/service-health") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].headers["Retry-After"] == "600"


def test_admin_calls_need_the_token(processor: Running) -> None:
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
def test_configuration_of_the_wrong_type_is_refused(processor: Running, name: str, value: object) -> None:
    """A value that makes no sense is 400 and leaves the processor as it was."""
    assert processor.configure(name, value).status_code == 400
    assert processor.post(new_id()).status_code == 200


def test_summary_counts_the_period_with_both_ends(start: Start) -> None:
    """Count, amount and fee of the period are exact; one end alone means everything."""
    processor = start("--fee", "0.07")
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


def test_purge_empties_the_books(processor: Running) -> None:
    """After it the summary is zero and a purged id may be charged anew."""
    correlation_id = new_id()
    processor.post(correlation_id)
    assert processor.client.post("/admin/purge-payments", headers=TOKEN).status_code == 200
    assert processor.summary()["totalRequests"] == 0
    assert processor.post(correlation_id).status_code == 200


def test_method_that_a_path_does_not_know_is_refused(processor: Running) -> None:
    """A known path with another method is 405."""
    assert processor.client.get("/payments").status_code == 405
    assert processor.client.delete(f"/payments/{uuid4()}").status_code == 405


def test_answers_of_one_connection_come_in_the_order_of_its_requests(processor: Running) -> None:
    """A quick call behind a delayed one waits for it."""
    processor.configure("delay", 200)
    correlation_id = new_id()
    answers = processor.pipeline(payment_request(correlation_id), request("GET", f"/payments/{correlation_id}"))
    assert [status for status, _ in answers] == [200, 404]


def test_kill_loses_no_answered_payment(start: Start, tmp_path: Path) -> None:
    """After kill -9, a torn last line and a restart, twice over, the books are those that callers got an answer for."""
    journal = tmp_path / "journal"
    ids = [new_id() for _ in range(50)]
    first = start("--journal", str(journal))
    first.post(new_id())
    first.client.post("/admin/purge-payments", headers=TOKEN)
    for correlation_id in ids:
        assert first.post(correlation_id).status_code == 200
    first.stop(signal.SIGKILL)
    with journal.open("ab") as file:
        file.write(f"B {new_id()} 19".encode())

    second = start("--journal", str(journal))
    assert second.booked_ids() == ids
    assert second.summary()["totalAmount"] == "995.00"
    assert second.post(ids[7]).status_code == 422
    ids.append(new_id())
    second.post(ids[-1])
    second.stop(signal.SIGKILL)
    assert start("--journal", str(journal)).booked_ids() == ids


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_it_cleanly(processor: Running, number: signal.Signals) -> None:
    """It ends with code 0 even while a caller waits for an answer."""
    processor.configure("delay", NEVER_MS)
    with closing(processor.connect()) as connection:
        connection.sendall(payment_request(new_id()))
        assert processor.stop(number) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["--port", "{port}"], 1, "processor second: port {port} on 127.0.0.1 is taken by another program\n"),
        (["--port", "0", "--journal", "{damaged}"], 1, "processor second: {damaged} is not a journal that can be read"),
        (["--port", "0", "--fee", "5"], 2, "5 is not a fraction of 1"),
    ],
)
def test_what_keeps_it_from_starting_is_said(
    processor: Running, tmp_path: Path, arguments: list[str], code: int, reason: str
) -> None:
    """A taken port, a damaged journal or a senseless option ends it with the reason and no traceback."""
    damaged = tmp_path / "damaged"
    damaged.write_text("something else\n")
    values = {"port": processor.port, "damaged": damaged}
    second = subprocess.run(
        [sys.executable, "-m", "sandbox.processor", "--name", "second"] + [text.format(**values) for text in arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert second.returncode == code
    assert reason.format(**values) in second.stderr
    assert "Traceback" not in second.stderr
