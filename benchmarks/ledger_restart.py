"""A ledger that restarts: how soon it answers, with a million settlements stored, and whether the answer is right.

``python -m benchmarks.ledger_restart [settlements]``. A real nats-server with the stack's configuration and a store of
its own, the real ledger process. Every start is timed from the start of the process to its first answer; that
answer and those for random periods are compared, to the cent, with totals that know nothing of the book.
What a summary takes in the book is CPU time, so that it means the same on a busy machine.
"""
# a console program speaks to its console

import asyncio
import logging
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.ledger_under_test import EVERY, PROCESSORS, LedgerUnderTest, nats_server
from benchmarks.settled_payments import SettledPayments
from services.bus.jetstream.streams import ensure_streams
from services.bus.wire.connection import Bus
from services.ledger.adapters.snapshot_store import SnapshotStore
from services.ledger.core.book import Book
from services.ledger.core.snapshot_outcomes import Restored, Saved
from services.ledger.flow.loop_lag import LoopLag
from services.settings.bus import bus_settings

SETTLEMENTS = 1_000_000
LIVE = 3 * EVERY  # settled while the ledger answers, so that it stores snapshots meanwhile
SAID_EVERY = 25_000
PERIODS = 2_000
PERIODS_CHECKED = 200
TARGET_S = 5.0


def run(settlements: int = SETTLEMENTS) -> None:
    """Print the figures; raise where an answer is wrong."""
    logging.getLogger("tarifa.bus").setLevel(logging.CRITICAL)  # the first connect waits for the server, on purpose
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder), settlements))


async def _measure(folder: Path, settlements: int) -> None:
    async with _served(folder) as (url, bus):
        payments = SettledPayments()
        await _fill(bus, payments, settlements)
        ledger = LedgerUnderTest(folder, url, bus, payments)
        await _start(ledger, "full replay")
        await ledger.until_kept()
        for number, what in ((signal.SIGKILL, "after SIGKILL"), (signal.SIGTERM, "after SIGTERM")):
            ledger.end(number)
            await _start(ledger, what)
        await _answer_while_saving(ledger, payments, bus)
        ledger.end(signal.SIGKILL)
        await _start(ledger, "and once more")
        ledger.end(signal.SIGTERM)
        await _look_inside(bus, payments)


@asynccontextmanager
async def _served(folder: Path) -> AsyncIterator[tuple[str, Bus]]:
    with nats_server(folder) as url:
        bus = await Bus.connect(url, "benchmark")
        await ensure_streams(bus, bus_settings({"PROCESSORS": PROCESSORS}).limits)
        try:
            yield url, bus
        finally:
            await bus.close()


async def _fill(bus: Bus, payments: SettledPayments, count: int) -> None:
    start_s = time.monotonic()
    async for stored in payments.publish(bus, count):
        if stored % SAID_EVERY == 0:
            print(f"\r{stored:>12,} settlements stored", end="", flush=True)
    took_s = time.monotonic() - start_s
    print(f" in {took_s:.0f} s, {await payments.stored_bytes(bus) / count:.0f} bytes each")


async def _start(ledger: LedgerUnderTest, what: str) -> None:
    """Start it, and print how long the first answer took and what the process holds."""
    took_s, cpu_s = await ledger.start(), ledger.cpu_s()
    await ledger.check(PERIODS_CHECKED)
    state = await ledger.state()
    resident, most = ledger.resident_mib()
    held = state["memoryBytes"] / max(1, state["entries"])
    tail = state["appliedSeq"] - ledger.restored_seq()
    mark = (
        "" if tail == state["appliedSeq"] else f"  target {TARGET_S:.0f} s {'met' if took_s <= TARGET_S else 'MISSED'}"
    )
    print(f"{what:<22} {took_s:>7.2f} s to the first answer, {cpu_s:.2f} of CPU; {tail:,} settlements read{mark}")
    print(f"{'':<22} {held:>7.1f} bytes per entry held; RSS {resident:.0f} MiB, at most {most:.0f}", flush=True)


async def _answer_while_saving(ledger: LedgerUnderTest, payments: SettledPayments, bus: Bus) -> None:
    """Settle more while asking without a pause; print how long the answers and the loop's pauses took."""
    done = asyncio.Event()
    asking = asyncio.create_task(ledger.ask_until(done))
    before = len(ledger.logged("ledger.snapshot"))
    async for _ in payments.publish(bus, LIVE):
        await asyncio.sleep(0.02)  # some thousands a second: more than any load of the challenge
    await ledger.until_kept()
    done.set()
    _report("asked through NATS", [took_s * 1e6 for took_s in await asking])
    snapshots = ledger.logged("ledger.snapshot")[before:]
    pauses = ", ".join(f"{line['longest_pause_ms']:.1f}" for line in snapshots)
    last = snapshots[-1]
    print(f"{'snapshots meanwhile':<22} longest pauses {pauses} ms; {last['stored_now']} chunks stored by the last")
    print(f"{'the last one':<22} {last['chunks']} chunks, {last['bytes'] / 2**20:.1f} MiB, {last['took_ms']:.0f} ms")


async def _look_inside(bus: Bus, payments: SettledPayments) -> None:
    """Restore the book here; print what a summary takes in it, and what storing all of it anew takes."""
    store, book = SnapshotStore(bus), Book(payments.processors)
    start_s = time.monotonic()
    restored = await store.load(book)
    if not isinstance(restored, Restored):
        raise TypeError(f"{restored}, where there should be a snapshot")
    took_s, held = time.monotonic() - start_s, book.memory_bytes / book.entries
    print(f"{'restored here':<22} {took_s:>7.2f} s, {held:.1f} bytes per entry")
    choice = random.Random(2)  # noqa: S311  # figures of two runs must be of the same periods
    times_us = []
    for _ in range(PERIODS):
        period = payments.period(choice)
        start_s = time.process_time()
        book.totals(*period)
        times_us.append((time.process_time() - start_s) * 1e6)
    _report("summary, in the book", times_us)
    whole = replace(book.image(), clearings=-1)  # as if nothing of it were stored yet
    async with LoopLag() as lag:
        saved = await store.save(whole, restored.position, restored.counts)
    if not isinstance(saved, Saved):
        raise TypeError(f"{saved}, where a snapshot should have been stored")
    took_s, pause_ms = lag.fields()["took_ms"] / 1e3, lag.fields()["longest_pause_ms"]
    print(f"{'all stored anew':<22} {took_s:>7.2f} s, longest pause {pause_ms:.1f} ms; {saved.stored_now} chunks")


def _report(what: str, times_us: list[float]) -> None:
    cuts = statistics.quantiles(times_us, n=100)
    print(f"{what:<22} {cuts[49]:>7.0f} us p50, {cuts[98]:.0f} us p99, {max(times_us):.0f} us most; {len(times_us):,}")


if __name__ == "__main__":
    run(int(sys.argv[1]) if sys.argv[1:] else SETTLEMENTS)
