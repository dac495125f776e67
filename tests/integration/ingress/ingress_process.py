"""``python -m services.ingress`` as a real process, and what tests send to it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from sandbox.stack.plan.ports import free
from services.bus.micro.service import serve
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.summary import SummaryAnswered, SummaryAsked, Totals, decode_asked, encode
from tests.nats_server import PATIENCE_S

ROOT = Path(__file__).parents[3]


def new_id() -> str:
    """Return an id that no test has used."""
    return str(uuid.uuid4())


def free_port() -> int:
    """Return a TCP port that no process listens on just now."""
    return free(1)[0]


class IngressProcess:
    """One ingress; ``settings`` are environment variables. Without OPEN and API_KEYS, anybody may call it."""

    program = "services.ingress"

    def __init__(self, log: Path, nats_url: str, **settings: str) -> None:
        self.log = log
        self.port = free_port()
        who = {} if {"OPEN", "API_KEYS"} & set(settings) else {"OPEN": "1"}
        self._env = {"NATS_URL": nats_url, "INGRESS_LISTEN": f"127.0.0.1:{self.port}", **who, **settings}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its URL, unless a setting made it listen elsewhere."""
        return f"http://127.0.0.1:{self.port}"

    def listen_everywhere(self) -> None:
        """Make it listen on all addresses of this machine when it starts."""
        self._env["INGRESS_LISTEN"] = f"0.0.0.0:{self.port}"

    def spawn(self) -> Self:
        """Start it and return at once."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.program],
                cwd=ROOT,
                env={**inherited, **self._env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def start(self) -> Self:
        """Start it and wait until it logs that it listens."""
        self.spawn()
        deadline = time.monotonic() + PATIENCE_S
        while "ingress.ready" not in self.events():
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)
        return self

    def events(self) -> list[str]:
        """Return the events that it has logged."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(line)["event"] for line in lines if line.startswith("{") and line.endswith("}")]

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """End it, and return its exit code; None if it was never started."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class LedgerStandIn:
    """Answers ``ledger.summary`` with ``totals`` and records the requests.

    ``totals_after``: after how many requests the totals change, and to what.
    """

    def __init__(self, totals: Mapping[str, Totals]) -> None:
        self.totals = dict(totals)
        self.totals_after: dict[int, Mapping[str, Totals]] = {}
        self.asked: list[SummaryAsked] = []
        self.failure: Exception | None = None
        self.may_speak = asyncio.Event()
        self.may_speak.set()

    async def serve(self, bus: Bus) -> Self:
        """Begin to answer."""
        await serve(bus, subjects.LEDGER, "a stand-in", {subjects.LEDGER_SUMMARY: self._answer})
        return self

    async def _answer(self, data: bytes) -> bytes:
        await self.may_speak.wait()
        if self.failure is not None:
            raise self.failure
        self.totals = dict(self.totals_after.get(len(self.asked), self.totals))
        self.asked.append(decode_asked(data))
        return encode(SummaryAnswered(self.totals))


def payment(payment_id: str, amount: float = 19.90) -> dict[str, Any]:
    """Return a body of ``POST /payments``."""
    return {"correlationId": payment_id, "amount": amount}
