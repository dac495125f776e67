"""``tarifa audit --against`` with a statement of a million rows and six seeded faults: seconds, memory, what it names.

``python -m benchmarks.statement_large [rows]``. A real nats-server with the stack's configuration; the command is the
program that an operator runs. Raises where it names anything but the six.
"""
# a console program speaks to its console

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import orjson

from benchmarks.ledger_under_test import nats_server
from benchmarks.settled_payments import SettledPayments
from services.bus.jetstream.read_pages import pages
from services.bus.jetstream.state import stream_state
from services.bus.jetstream.streams import ensure_streams
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.events import PaymentSettled, decode_settlement
from services.contracts.money import amount_of
from services.contracts.stamp import text_of
from services.settings.bus import bus_settings

ROWS = 1_000_000
UNKNOWN = UUID(int=7)
SEEDED = ["amount_differs", "duplicate", "malformed", "missing_there", "requested_at_differs", "unknown_to_us"]
EXIT_DIFFERENCES = 1


def run(rows: int = ROWS) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder), rows))


async def _measure(folder: Path, rows: int) -> None:
    with nats_server(folder) as url:
        bus = await Bus.connect(url, "benchmark")
        try:
            await ensure_streams(bus, bus_settings({}).limits)
            async for _ in SettledPayments("default").publish(bus, rows):
                pass
            path = folder / "statement.csv"
            with path.open("w") as file:
                file.write("correlationId,amount,requestedAt\n")
                last_seq = (await stream_state(bus, subjects.SETTLEMENTS)).last_seq
                async for messages in pages(bus, subjects.SETTLEMENTS, last_seq):
                    for message in messages:
                        event = decode_settlement(message.data)
                        if isinstance(event, PaymentSettled):
                            file.writelines(_lines(event, message.seq - rows // 2))
        finally:
            await bus.close()
        _compare(url, path, rows)


def _lines(event: PaymentSettled, number: int) -> Iterator[str]:
    """Yield what the statement has of a settlement; six in the middle are faulty, or follow what is."""
    amount, stamp = f"{amount_of(event.amount_cents):.2f}", text_of(event.requested_at)
    match number:
        case 0:
            return  # missing there
        case 1:
            amount = f"{amount_of(event.amount_cents + 1):.2f}"
        case 2:
            stamp = text_of(event.requested_at.replace(microsecond=0))
        case 3:
            yield f"{event.id},{amount},{stamp}\n"  # and again below
        case 4:
            yield f"{UNKNOWN},{amount},{stamp}\n"
        case 5:
            yield f"{UNKNOWN},{amount},yesterday\n"
        case _:
            pass
    yield f"{event.id},{amount},{stamp}\n"


def _compare(url: str, path: Path, rows: int) -> None:
    start_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "services.audit", "--against", path, "--json"],
        env=os.environ | {"NATS_URL": url, "SYNC": "always"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    took_s = time.monotonic() - start_s
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # the server has not ended yet
    *findings, last = map(orjson.loads, done.stdout.splitlines())
    named = sorted(each["finding"] for each in findings)
    if done.returncode != EXIT_DIFFERENCES or named != SEEDED:
        raise RuntimeError(f"status {done.returncode}, {named}: {last}")
    mib, cpu_s = path.stat().st_size / 2**20, used.ru_utime + used.ru_stime
    print(
        f"{rows:>12,} rows, {mib:.0f} MiB: {took_s:.1f} s, {cpu_s:.1f} s of CPU,"
        f" {used.ru_maxrss / 2**10:.0f} MiB resident at most; {len(named)} faults, each named"
    )


if __name__ == "__main__":
    run(int(sys.argv[1]) if sys.argv[1:] else ROWS)
