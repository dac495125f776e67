"""The operators' commands as processes, against real processors: their input, output and exit status."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import uuid4

import httpx

from services.bus.jetstream.lookup import last_for
from services.bus.jetstream.publish import StoredAt, store
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.assignments import Line, TurnAssigned, encode_assignment
from services.contracts.events import (
    PaymentAccepted,
    PaymentRefused,
    PaymentReleased,
    PaymentSettled,
    decode_settlement,
    encode,
)
from services.contracts.money import Cents, amount_of
from services.contracts.stamp import text_of
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.ownership import View
from tests.nats_server import PATIENCE_S, until

AT = datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=UTC)


class RunningProcessor:
    """``python -m sandbox.processor`` on a free port, with nothing booked."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.processor", "--port", "0"], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().removeprefix("listening on ").strip()
        assert self.url.startswith("http://"), "the processor has not started"

    def book(self, payment_id: str, cents: int = 1990, stamp: datetime = AT) -> None:
        """Have a payment charged there, without us."""
        body = {"correlationId": payment_id, "amount": amount_of(cents), "requestedAt": text_of(stamp)}
        httpx.post(f"{self.url}/payments", json=body, timeout=PATIENCE_S, trust_env=False).raise_for_status()

    def fail(self) -> None:
        """Have every payment fail, late."""
        for name, value in (("failure", True), ("delay", 600_000)):
            url = f"{self.url}/admin/configurations/{name}"
            httpx.put(url, json={name: value}, headers={"X-Rinha-Token": "123"}, trust_env=False).raise_for_status()

    def kill(self) -> None:
        """Kill it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


@dataclass(frozen=True)
class Ended:
    """Output and status of a command that has ended."""

    status: int
    out: str
    err: str

    @property
    def documents(self) -> list[dict[str, Any]]:
        """What ``--json`` printed, without the summary."""
        return [json.loads(line) for line in self.out.splitlines()][:-1]

    @property
    def summary(self) -> dict[str, Any]:
        """The last line of ``--json``."""
        return dict(json.loads(self.out.splitlines()[-1])["summary"])


@dataclass
class House:
    """A nats-server with our streams, two processors, and the operators' commands."""

    bus: Bus
    nats_url: str
    processors: dict[str, RunningProcessor]
    log: AssignmentLog = field(default_factory=AssignmentLog)  # as read by the dispatcher that answers the commands

    @property
    def default(self) -> RunningProcessor:
        """The cheap one."""
        return self.processors["default"]

    @property
    def fallback(self) -> RunningProcessor:
        """The expensive one."""
        return self.processors["fallback"]

    @property
    def env(self) -> dict[str, str]:
        """The commands' environment."""
        urls = {name: processor.url for name, processor in self.processors.items()}
        processors = f"default={urls['default']}@0.05,fallback={urls['fallback']}@0.15"
        return os.environ | {"NATS_URL": self.nats_url, "PROCESSORS": processors, "SYNC": "always"}

    async def accept(self, payment_id: str = "", cents: int = 1990, at: datetime = AT) -> str:
        """Store an accepted payment, and return its id."""
        payment_id = payment_id or str(uuid4())
        event = PaymentAccepted(payment_id, Cents(cents), at)
        await stored(self.bus, subjects.PAYMENTS, subjects.accepted(payment_id), encode(event))
        return payment_id

    async def settle(
        self, processor: str, payment_id: str = "", cents: int = 1990, stamp: datetime = AT, at: datetime = AT
    ) -> str:
        """Publish a settlement and return its id."""
        payment_id = payment_id or str(uuid4())
        event = PaymentSettled(payment_id, Cents(cents), processor, stamp, at, 1)
        await stored(self.bus, subjects.SETTLEMENTS, subjects.settled(processor, payment_id), encode(event))
        return payment_id

    async def refuse(self, processor: str, payment_id: str = "") -> str:
        """Publish a refusal, and return its id."""
        payment_id = payment_id or str(uuid4())
        event = PaymentRefused(payment_id, Cents(1990), processor, "422 no", AT, 1)
        await stored(self.bus, subjects.SETTLEMENTS, subjects.refused(processor, payment_id), encode(event))
        return payment_id

    async def assign(self, payment_id: str, processor: str) -> int:
        """Publish a line as a dispatcher that is gone, and return its sequence; a second one is a take-over."""
        line = Line(payment_id, 1, f"{processor}/1", after=self.log.after(payment_id))
        message = encode_assignment(TurnAssigned("dispatcher-9/gone", 1, (line,)))
        at = await stored(self.bus, subjects.ASSIGNMENTS, subjects.assigned("dispatcher-9"), message)
        await until(lambda: self.log.read_to >= at, "the line is read")
        return at

    def view(self, payment_id: str) -> View | None:
        """Return what the log says of a payment."""
        return self.log.view(payment_id)

    async def release_event(self, payment_id: str) -> PaymentReleased | None:
        """Return the release event of a payment in SETTLEMENTS."""
        found = await last_for(self.bus, subjects.SETTLEMENTS, subjects.released(payment_id))
        return None if found is None else decode_released(found.data)

    async def audit(self, *arguments: str) -> Ended:
        """Run an audit at a high rate."""
        return await self.run("services.audit", "--rate", "1000", *arguments)

    async def run(self, module: str, *arguments: str) -> Ended:
        """Run a command to its end, without a terminal."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments, env=self.env, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE,
            stderr=PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S * 2)
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())


async def stored(bus: Bus, stream: str, subject: str, data: bytes) -> int:
    """Store it, and return its sequence."""
    result = await store(bus, stream, subject, data, timeout_s=PATIENCE_S)
    assert isinstance(result, StoredAt), result
    return result.seq


def decode_released(data: bytes) -> PaymentReleased:
    """Read a release."""
    event = decode_settlement(data)
    assert isinstance(event, PaymentReleased)
    return event


class AtTerminal:
    """A command whose stdin, stdout and stderr are a terminal, and the person typing there."""

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self._master = master
        self._process = process
        self._said = asyncio.Event()
        self.screen = ""

    @classmethod
    @asynccontextmanager
    async def of(cls, house: House, module: str, *arguments: str) -> AsyncIterator[Self]:
        """Start it; end it on exit."""
        master, slave = os.openpty()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments, env=house.env | {"TERM": "xterm"}, stdin=slave, stdout=slave,
            stderr=slave,
        )  # fmt: skip
        os.close(slave)
        at = cls(master, process)
        loop = asyncio.get_running_loop()
        loop.add_reader(master, at._read)
        try:
            yield at
        finally:
            loop.remove_reader(master)
            if process.returncode is None:
                process.kill()
                await process.wait()
            os.close(master)

    async def until(self, text: str) -> None:
        """Wait until the screen shows it."""
        async with asyncio.timeout(PATIENCE_S):
            while text not in self.screen:
                self._said.clear()
                await self._said.wait()

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, f"{text}\n".encode())

    def press_ctrl_c(self) -> None:
        """Interrupt it, as a terminal does."""
        self._process.send_signal(signal.SIGINT)

    async def status(self) -> int:
        """Wait for its end and return its exit status."""
        return await asyncio.wait_for(self._process.wait(), PATIENCE_S)

    def _read(self) -> None:
        try:
            self.screen += os.read(self._master, 65_536).decode()
        except OSError:  # the other end is closed
            asyncio.get_running_loop().remove_reader(self._master)
        self._said.set()
