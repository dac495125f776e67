"""A nats-server and a ledger process of a benchmark's own; what the ledger answers is checked."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.settled_payments import SettledPayments
from sandbox.stack.plan.nats import binary, write_conf
from sandbox.stack.plan.options import Node
from sandbox.stack.plan.ports import free
from services.bus.micro.ask import NotAnsweredError, ask
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.stamp import stamp_from_micros
from services.contracts.summary import SummaryAsked, decode_answered, encode

EVERY = 10_000  # the setting's default
SYNC = "2m"  # a million settlements, each synced, would be minutes of the disk and nothing of the ledger
PROCESSORS = "default=http://127.0.0.1:8001@0.05,fallback=http://127.0.0.1:8002@0.15"
ASK_TIMEOUT_S = 30.0
LOOK_EVERY_S = 0.005
PATIENCE_S = 300.0


@contextmanager
def nats_server(folder: Path) -> Iterator[str]:
    """Run a server as the stack does, on a free port; the URL is that of a server that may not listen yet."""
    port, monitor_port = free(2)
    node = Node("nats", port, monitor_port, route_port=None)
    conf = write_conf(folder / "nats", node, [node], sync=SYNC)
    with (folder / "nats.log").open("wb") as log, subprocess.Popen([binary(), "-c", conf], stderr=log) as process:
        try:
            yield f"nats://127.0.0.1:{port}"
        finally:
            process.terminate()


class LedgerUnderTest:
    """``python -m services.ledger``; each start has a log of its own."""

    def __init__(self, folder: Path, url: str, bus: Bus, payments: SettledPayments) -> None:
        self._log = folder / "ledger.log"
        self._env = os.environ | {"NATS_URL": url, "PROCESSORS": PROCESSORS, "LEDGER_SNAPSHOT_EVERY": str(EVERY)}
        self._bus = bus
        self._payments = payments
        self._choice = random.Random(3)  # noqa: S311  # periods to look at, the same in every run
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> float:
        """Start it and return the seconds to its first answer, which is checked."""
        start_s = time.monotonic()
        self._begin()
        while time.monotonic() < start_s + PATIENCE_S:
            try:
                answer = await self._totals(None, None)
            except (BusUnavailableError, NotAnsweredError):
                await asyncio.sleep(LOOK_EVERY_S)
                continue
            took_s = time.monotonic() - start_s
            self._compare(answer, None, None)
            return took_s
        raise TimeoutError(self._log.read_text())

    def _begin(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([sys.executable, "-m", "services.ledger"], env=self._env, stderr=log)

    def end(self, number: signal.Signals) -> None:
        """Send it a signal and wait for its end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)

    async def check(self, count: int) -> None:
        """Compare its answers for random periods, to the cent."""
        for _ in range(count):
            period = self._payments.period(self._choice)
            self._compare(await self._totals(*period), *period)

    async def ask_until(self, done: asyncio.Event, most: int = 10**9) -> list[float]:
        """Ask for random periods until the event is set, ``most`` at most; return the seconds that each answer took."""
        times_s: list[float] = []
        while not done.is_set() and len(times_s) < most:
            start_s = time.perf_counter()
            await self._totals(*self._payments.period(self._choice))
            times_s.append(time.perf_counter() - start_s)
            await asyncio.sleep(LOOK_EVERY_S)
        return times_s

    async def until_kept(self) -> None:
        """Wait until all is in the book and no snapshot is due."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                state = await self.state()
                last_seq = self._payments.count
                if state["appliedSeq"] == last_seq and last_seq - state["snapshotSeq"] < EVERY:
                    return
                await asyncio.sleep(LOOK_EVERY_S)

    async def state(self) -> dict[str, Any]:
        """Return its state."""
        answer: dict[str, Any] = json.loads(await ask(self._bus, "ledger.state", b"", ASK_TIMEOUT_S))
        return answer

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return its log lines of that event."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def restored_seq(self) -> int:
        """Return how far the snapshot reached that it began with; 0 without one."""
        return sum(line["seq"] for line in self.logged("ledger.restored"))

    def cpu_s(self) -> float:
        """Return the CPU seconds that the process has used: what its start would take with the machine to itself."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split() if self._process else []
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> tuple[float, float]:
        """Return the process's resident memory now, and at most."""
        text = Path(f"/proc/{self._process.pid}/status").read_text() if self._process else ""
        kib = {name: int(rest.split()[0]) for name, rest in _fields(text) if name in {"VmRSS", "VmHWM"}}
        return kib["VmRSS"] / 1024, kib["VmHWM"] / 1024

    async def _totals(self, from_us: int | None, to_us: int | None) -> dict[str, tuple[int, int]]:
        ends = [None if end is None else stamp_from_micros(end) for end in (from_us, to_us)]
        data = await ask(self._bus, subjects.LEDGER_SUMMARY, encode(SummaryAsked(*ends)), ASK_TIMEOUT_S)
        return {name: (total.count, total.cents) for name, total in decode_answered(data).totals.items()}

    def _compare(self, answer: dict[str, tuple[int, int]], from_us: int | None, to_us: int | None) -> None:
        if answer != (right := self._payments.totals(from_us, to_us)):
            raise AssertionError(f"{from_us} to {to_us}: {answer}, which should be {right}")


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        yield name, rest
