"""``python -m services.ledger`` as the process of one test: its log parsed as JSON, its answers as values."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.bus.jetstream.publish import StoredAt, store
from services.bus.micro.ask import BusUnavailableError, NotAnsweredError, ask
from services.bus.wire.connection import Bus
from services.contracts import subjects, summary
from services.contracts.events import PaymentRefused, PaymentSettled, Settlement, SettlementsCleared, encode
from services.contracts.money import Cents
from tests.nats_server import PATIENCE_S, until

PROCESSORS = "default=http://127.0.0.1:8001@0.05,fallback=http://127.0.0.1:8002@0.15"
START = datetime(2025, 8, 1, 12, 0, 0, tzinfo=UTC)
TOGETHER = 500


class LedgerProcess:
    """One ledger. ``start`` begins a new log, which ``logged`` reads."""

    def __init__(self, folder: Path, nats_url: str) -> None:
        self._log = folder / "ledger.log"
        self._env = os.environ | {"NATS_URL": nats_url, "PROCESSORS": PROCESSORS}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **settings: str) -> None:
        """Start it, with further environment variables."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.ledger"],
                env=self._env | settings,
                stdin=subprocess.DEVNULL,
                stderr=log,
            )

    async def start_ready(self, **settings: str) -> dict[str, Any]:
        """Start it, with further environment variables, and return its ``ledger.ready``."""
        self.start(**settings)
        return (await self.until_logged("ledger.ready"))[0]

    def end(self, number: signal.Signals) -> int:
        """Send it a signal; return its exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self.status()

    def status(self) -> int:
        """Wait until it exits; return its exit status."""
        assert self._process is not None
        return self._process.wait(PATIENCE_S)

    @property
    def is_running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def discard(self) -> None:
        """Kill it, if it was started."""
        if self._process is not None and self._process.poll() is None:
            self.end(signal.SIGKILL)

    def text(self) -> str:
        """Return everything that it wrote."""
        return self._log.read_text()

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the complete log lines of an event."""
        lines = [line for line in self.text().splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]
        return [record for record in map(json.loads, lines) if record["event"] == event]

    async def until_logged(self, event: str) -> list[dict[str, Any]]:
        """Wait until it has logged an event; return the event's lines."""
        await until(lambda: self.logged(event), event)
        return self.logged(event)


def payment_id(number: int) -> str:
    """Return the id of the payment with that number."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def settled(number: int, processor: str = "default", cents: int = 1990) -> PaymentSettled:
    """Return a settlement stamped one millisecond after that of the previous number."""
    stamp = START + timedelta(milliseconds=number)
    return PaymentSettled(payment_id(number), Cents(cents), processor, stamp, START, number + 1)


async def publish(bus: Bus, events: Iterable[Settlement]) -> int:
    """Store the events in this order; return the last one's sequence."""
    waiting, seq = list(events), 0
    while waiting:
        together, waiting = waiting[:TOGETHER], waiting[TOGETHER:]
        results = await asyncio.gather(
            *(store(bus, subjects.SETTLEMENTS, _subject(event), encode(event), timeout_s=30) for event in together)
        )
        for result in results:
            assert isinstance(result, StoredAt)
            seq = max(seq, result.seq)
    return seq


def _subject(event: Settlement) -> str:
    match event:
        case PaymentSettled():
            return subjects.settled(event.processor, event.id)
        case PaymentRefused():
            return subjects.refused(event.processor, event.id)
        case SettlementsCleared():
            return subjects.CLEARED


async def state(bus: Bus) -> dict[str, Any]:
    """Return the answer of ``ledger.state``."""
    answer: dict[str, Any] = json.loads(await ask(bus, "ledger.state", b"", PATIENCE_S))
    return answer


async def totals(bus: Bus, asked: bytes = b"{}") -> dict[str, tuple[int, int]]:
    """Return the answer of ``ledger.summary``."""
    answer = summary.decode_answered(await ask(bus, subjects.LEDGER_SUMMARY, asked, PATIENCE_S))
    return {name: (total.count, total.cents) for name, total in answer.totals.items()}


async def totals_after(bus: Bus, seq: int) -> dict[str, tuple[int, int]]:
    """Return the totals of everything once the book has that sequence and the ledger answers."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                now = await state(bus)
                if now["caughtUp"] and now["appliedSeq"] >= seq:
                    return await totals(bus)
            except (BusUnavailableError, NotAnsweredError):
                pass  # not reachable, or not whole, at this moment
            await asyncio.sleep(0.01)
