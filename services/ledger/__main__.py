"""The ledger as a process: its parts, and which part is given which."""

import asyncio
import os
from datetime import UTC, datetime
from functools import partial

from services.bus.micro.pulse import send_pulses
from services.ledger.adapters.clock import SystemClock
from services.ledger.adapters.dispatchers import Dispatchers
from services.ledger.adapters.metrics import of_ledger, of_settlements
from services.ledger.adapters.pulse import pulse_of
from services.ledger.adapters.settlement_stream import SettlementStream
from services.ledger.adapters.snapshot_store import SnapshotStore
from services.ledger.adapters.stored_settlements import StoredSettlements
from services.ledger.adapters.summary_endpoint import SummaryEndpoint
from services.ledger.core.book import Book
from services.ledger.core.integrity import Integrity
from services.ledger.flow.checking import Checker
from services.ledger.flow.counting import Ledger
from services.ledger.flow.snapshots import SnapshotRunner
from services.ledger.settings import LedgerSettings, ledger_settings
from services.metrics.bus import of_bus
from services.metrics.server import Metrics, served_metrics
from services.process import connected, run


async def story(stop: asyncio.Event) -> None:
    """Count until the event is set, and serve metrics meanwhile."""
    settings = ledger_settings(os.environ)
    async with served_metrics(settings.bus.metrics_listen, "ledger") as metrics:
        await _count(settings, metrics, stop)


async def _count(settings: LedgerSettings, metrics: Metrics, stop: asyncio.Event) -> None:
    """Run the ledger until the event is set."""
    bus = await connected(settings.bus, "ledger", stop)
    if bus is None:
        return
    try:
        dispatchers = Dispatchers(bus)
        await dispatchers.listen()
        integrity = Integrity(settings.missing)
        listen = partial(SettlementStream, bus, integrity)
        ledger = Ledger(Book(settings.processors), listen, dispatchers, SystemClock(), integrity)
        checker = Checker(
            ledger.settlements,
            StoredSettlements(bus),
            integrity,
            per_s=settings.reread_per_s,
            every_s=settings.reread_every_s,
        )
        runner = SnapshotRunner(ledger, SnapshotStore(bus), settings.snapshot_every, checker)
        metrics.add(of_bus(bus), of_ledger(ledger), of_settlements(bus, settings.bus.limits.settlements_bytes_max))
        await SummaryEndpoint(ledger).serve(bus, settings.bus.instance)
        pulse = pulse_of(settings.bus.instance, datetime.now(UTC), ledger)
        async with asyncio.TaskGroup() as tasks:
            work = [bus.watch(), runner.run(), send_pulses(bus, pulse)]
            running = [tasks.create_task(coroutine) for coroutine in work]
            await stop.wait()
            for task in running:
                task.cancel()
        await runner.stop()
    finally:
        await bus.close()


if __name__ == "__main__":
    run(story)
