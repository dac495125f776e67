"""A million settlements exported to a file: rows, seconds, and the most memory that the program took.

``python -m benchmarks.export_large [settlements]``. A real nats-server with the stack's configuration.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.ledger_under_test import PROCESSORS, nats_server
from benchmarks.settled_payments import SettledPayments
from services.bus.jetstream.streams import ensure_streams
from services.bus.wire.connection import Bus
from services.settings.bus import bus_settings

SETTLEMENTS = 1_000_000
SECONDS_MAX = 60.0


def run(settlements: int = SETTLEMENTS) -> None:
    """Print the figures; raise where a row is missing or the cents differ."""
    with tempfile.TemporaryDirectory() as folder, nats_server(Path(folder)) as url:
        cents = asyncio.run(_fill(url, settlements))
        for form in ("csv", "jsonl"):
            _export(url, Path(folder) / f"settled.{form}", form, settlements, cents)


async def _fill(url: str, settlements: int) -> int:
    bus = await Bus.connect(url, "benchmark")
    try:
        await ensure_streams(bus, bus_settings({"PROCESSORS": PROCESSORS}).limits)
        payments = SettledPayments()
        async for _ in payments.publish(bus, settlements):
            pass
        return sum(cents for _, cents in payments.totals(None, None).values())
    finally:
        await bus.close()


def _export(url: str, out: Path, form: str, settlements: int, cents: int) -> None:
    env = os.environ | {"NATS_URL": url, "PROCESSORS": PROCESSORS}
    arguments = ("-m", "services.audit.export", "--format", form, "--out", str(out))
    start_s = time.monotonic()
    process = subprocess.Popen([sys.executable, *arguments], env=env, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took_s = time.monotonic() - start_s
    if status:
        raise RuntimeError(f"the export ended with {status}")
    if form == "csv":
        with out.open() as rows:
            found = [int(row.split(",")[2]) for number, row in enumerate(rows) if number]
        if (len(found), sum(found)) != (settlements, cents):
            raise RuntimeError(f"{len(found)} rows of {sum(found)} cents, where {settlements} of {cents} are stored")
    verdict = "met" if took_s <= SECONDS_MAX else "MISSED"
    took = f"{took_s:.1f} s (at most {SECONDS_MAX:g} s: {verdict}), {usage.ru_utime + usage.ru_stime:.1f} s of CPU"
    size = f"{usage.ru_maxrss / 1024:.0f} MiB at most, {out.stat().st_size / 2**20:.0f} MiB of file"
    print(f"{form:<6} {settlements:>10,} rows in {took}, {size}", flush=True)


if __name__ == "__main__":
    run(int(sys.argv[1]) if sys.argv[1:] else SETTLEMENTS)
