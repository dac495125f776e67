"""The simulated processor as a process, a client for it, and requests as bytes.

Where requests must arrive in a known order they are pipelined on one connection: the processor takes them in that order
and answers in that order, however slow the machine is.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import httpx

ROOT = Path(__file__).parents[3]
TOKEN = {"X-Rinha-Token": "123"}
STAMP = "2025-07-15T12:34:56.123Z"
PATIENCE_S = 30  # how long a required event may take; nothing is measured with it
NEVER_MS = 600_000  # a delay that no test waits for
StartProcessor = Callable[..., "ProcessorProcess"]


class ProcessorProcess:
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
        """Look up one payment."""
        fields = {"correlationId": correlation_id, "amount": amount, "requestedAt": requested_at}
        return self.client.post("/payments", json=fields)

    def configure(self, name: str, value: object) -> httpx.Response:
        """Set the delay, the failure flag or the token."""
        return self.client.put(f"/admin/configurations/{name}", json={name: value}, headers=TOKEN)

    def summary(self, **period: str) -> dict[str, object]:
        """Return the admin summary, with decimals as text so that no digit is lost."""
        answer = self.client.get("/admin/payments-summary", params=period, headers=TOKEN)
        assert answer.status_code == 200
        return dict(json.loads(answer.text, parse_float=str))

    def booked_ids(self) -> list[str]:
        """Return the ids of all booked payments in order of booking."""
        answer = self.client.get("/admin/payments", headers=TOKEN)
        return [json.loads(line)["correlationId"] for line in answer.text.splitlines()]

    def pipeline(self, *requests: bytes) -> list[tuple[int, bytes]]:
        """Send all requests at once on one connection; return status and body of each answer."""
        with closing(self.connect()) as connection:
            connection.sendall(b"".join(requests))
            with connection.makefile("rb") as stream:
                return [read_response(stream) for _ in requests]

    def connect(self) -> socket.socket:
        """Open a bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; return the exit code."""
        self.client.close()
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def read_response(stream: BinaryIO) -> tuple[int, bytes]:
    """Read one response; return its status and body."""
    status = int(stream.readline().split(b" ")[1])
    length = 0
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.partition(b": ")
        if name == b"Content-Length":
            length = int(value)
    return status, stream.read(length)


def request(method: str, path: str, fields: object = None) -> bytes:
    """Return a request with the admin token, as bytes for a pipeline."""
    body = b"" if fields is None else json.dumps(fields).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: h\r\nX-Rinha-Token: 123\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def payment_request(correlation_id: str) -> bytes:
    """Return a payment as bytes for a pipeline."""
    return request("POST", "/payments", {"correlationId": correlation_id, "amount": 1, "requestedAt": STAMP})


def new_id() -> str:
    """Return an id that was never used."""
    return str(uuid4())


def eventually(is_so: Callable[[], bool]) -> bool:
    """Return whether the condition becomes true within PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
