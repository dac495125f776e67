"""``tarifa traces export`` as a process: to a collector over HTTP, and to a file."""

import asyncio
import json
import os
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.audit import traces
from services.audit.adapters import otlp
from services.contracts import subjects
from services.contracts.events import PaymentSettled, Trace, TracedAttempt, encode
from services.contracts.money import Cents
from services.contracts.traceparent import payment_span_id
from tests.integration.audit.audit_programs import AT, Ended, House, stored
from tests.nats_server import until

TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
UNSAMPLED = f"{PARENT[:-2]}00"
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"

Answer = tuple[int, bytes, dict[str, str]]
OK: Answer = (200, b"{}", {})


class Collector:
    """Accepts export requests over HTTP; ``answers`` are given first, one each, then it accepts all."""

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the library's name
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                collector.requests.append((self.path, headers, json.loads(body)))
                status, answer, more = collector.answers.popleft() if collector.answers else OK
                self.send_response(status)
                for name, value in {**more, "content-length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def spans(self) -> list[dict[str, Any]]:
        """Return all spans that came, in order."""
        return [span for _, _, request in self.requests for span in spans_in(request)]

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that accepts everything."""
    there = Collector()
    yield there
    there.close()


def spans_in(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the spans of an export request."""
    return [
        span for resource in request["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]
    ]


async def settle(house: House, parent: str | None = PARENT, attempts: int = 1) -> str:
    """Store a settlement as a dispatcher does; return its id."""
    payment_id = str(uuid4())
    event = PaymentSettled(payment_id, Cents(1990), "default", AT, AT, 1, AT)
    if parent is not None:
        made = [TracedAttempt(f"{number + 1:016x}", "default", AT, AT, "booked") for number in range(attempts)]
        event = PaymentSettled(payment_id, Cents(1990), "default", AT, AT, 1, AT, trace=Trace(parent, tuple(made)))
    await stored(house.bus, subjects.SETTLEMENTS, subjects.settled("default", payment_id), encode(event))
    return payment_id


async def export(house: House, *arguments: str) -> Ended:
    """Run an export."""
    return await house.run("services.audit.traces", "export", *arguments)


async def test_finished_payments_are_sent_to_a_collector(house: House, collector: Collector) -> None:
    """Those with a sampled trace; it prints where to resume, and resumes there."""
    await settle(house, None)
    await settle(house, UNSAMPLED)
    payment_id = await settle(house, attempts=2)
    ended = await export(house, "--otlp", collector.url)
    assert ended.status == 0, ended
    assert ended.out == "Exported 1 payments as 3 spans; 1 not sampled. To resume: --after 3\n"
    ((path, headers, request),) = collector.requests
    assert (path, headers["content-type"]) == ("/v1/traces", "application/json")
    own, *attempts = spans_in(request)
    assert (own["traceId"], own["parentSpanId"]) == (TRACE_ID, PARENT_ID)
    assert own["spanId"] == payment_span_id(PARENT, payment_id)
    assert [attempt["parentSpanId"] for attempt in attempts] == [own["spanId"]] * 2
    other = await settle(house)
    ended = await export(house, "--otlp", collector.url, "--after", "3")
    assert ended.out == "Exported 1 payments as 2 spans. To resume: --after 4\n"
    assert collector.spans()[3]["spanId"] == payment_span_id(PARENT, other)


async def test_what_the_collector_does_not_accept_now_is_sent_again(house: House, collector: Collector) -> None:
    """After a 503 or 429, with the same spans."""
    await settle(house)
    collector.answers.extend([(503, b"", {}), (429, b"", {"Retry-After": "1"})])
    ended = await export(house, "--otlp", collector.url)
    assert ended.status == 0, ended
    assert len(collector.requests) == 3
    assert collector.requests[0][2] == collector.requests[2][2]


async def test_what_the_collector_refuses_for_good_is_not_sent_again(house: House, collector: Collector) -> None:
    """It ends with status 3 and a sentence, and prints up to where all was accepted."""
    await settle(house)
    collector.answers.append((400, b"no such thing", {}))
    ended = await export(house, "--otlp", collector.url)
    assert ended.status == 3
    assert "400 no such thing" in ended.err
    assert "To resume: --after 0" in ended.out
    assert len(collector.requests) == 1


async def test_spans_that_a_collector_refuses_are_counted(house: House, collector: Collector) -> None:
    """Its 200 may say that it has not accepted all."""
    await settle(house)
    collector.answers.append((200, b'{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}', {}))
    ended = await export(house, "--otlp", collector.url)
    assert ended.status == 1
    assert "1 spans refused" in ended.out
    assert "too old" in ended.err


async def test_many_payments_are_sent_in_batches(house: House, collector: Collector) -> None:
    """None is left out and none is sent twice."""
    ids = await asyncio.gather(*[settle(house) for _ in range(1_100)])
    ended = await export(house, "--otlp", collector.url)
    assert ended.status == 0, ended
    assert "1,100 payments as 2,200 spans" in ended.out
    own = [span["spanId"] for span in collector.spans() if span["name"] == "payment"]
    assert sorted(own) == sorted(payment_span_id(PARENT, payment_id) for payment_id in ids)
    assert max(len(spans_in(request)) for _, _, request in collector.requests) <= 513


async def test_a_file_has_one_request_per_line(house: House, tmp_path: Path) -> None:
    """As a collector reads it; another export appends to it."""
    await settle(house)
    file = tmp_path / "spans.jsonl"
    for _ in range(2):
        assert (await export(house, "--file", str(file))).status == 0
    first, second = (json.loads(line) for line in file.read_text().splitlines())
    assert len(spans_in(first)) == 2
    assert first == second


async def test_the_collector_gets_the_headers_of_the_environment(
    house: House, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As OpenTelemetry's own exporters read them; a secret has no place in a command line."""
    monkeypatch.setenv(HEADERS, "Authorization=Bearer%20abc, x-team=payments")
    await settle(house)
    await export(house, "--otlp", collector.url)
    (_, headers, _) = collector.requests[0]
    assert (headers["authorization"], headers["x-team"]) == ("Bearer abc", "payments")
    monkeypatch.setenv(HEADERS, "secret")
    ended = await export(house, "--otlp", collector.url)
    assert (ended.status, "secret" in ended.err) == (2, False)


async def test_it_follows_what_is_finished(house: House, collector: Collector) -> None:
    """Ctrl-C ends it, without an error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.audit.traces", "export", "--otlp", collector.url, "--follow"),
        env={**os.environ, **house.env},
        stdout=asyncio.subprocess.PIPE,
    )
    for count in (2, 4):
        await settle(house)
        await until(lambda count=count: len(collector.spans()) == count, "it is exported")  # type: ignore[misc]
    process.send_signal(signal.SIGINT)
    out, _ = await process.communicate()
    assert process.returncode == 0
    # The second answer may have been on its way: what was not answered does not count as exported.
    ends = [b"Exported %d payments as %d spans. To resume: --after %d\n" % (n, 2 * n, n) for n in (1, 2)]
    assert out in ends


@pytest.mark.parametrize(
    "arguments",
    [(), ("--otlp", "127.0.0.1:4318"), ("--otlp", "http://a", "--file", "b"), ("--file", "b", "--after", "-1")],
)
async def test_wrong_usage_is_2(house: House, arguments: tuple[str, ...]) -> None:
    """Neither or both receivers, no URL, no sequence."""
    assert (await export(house, *arguments)).status == 2


async def test_a_stream_that_ends_before_the_start_is_an_error(house: House, tmp_path: Path) -> None:
    """The store is not the one it was: without an error it would export nothing forever."""
    ended = await export(house, "--file", str(tmp_path / "spans"), "--after", "7")
    assert (ended.status, ended.out) == (3, "")
    assert "SETTLEMENTS ends at 0" in ended.err


async def test_a_missing_collector_is_reported(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After some tries; nothing is lost. In this process, where the pauses between the tries can be short."""
    monkeypatch.setattr(otlp, "AGAIN_AFTER_FIRST_S", 0.001)
    await settle(house)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    status = await traces.run_command(["export", "--otlp", f"http://127.0.0.1:{port}"], house.env)
    out, err = capsys.readouterr()
    assert status == 3
    assert "ConnectError" in err
    assert out.endswith("--after 0\n")
    again_after_s = [record.again_after_s for record in caplog.records if record.message == "traces.not_taken"]
    assert again_after_s == [0.001 * 2**number for number in range(otlp.TRIES - 1)]
