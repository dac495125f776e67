"""``python -m services.ledger``: the wiring."""

import asyncio
import os
from functools import partial

from services.bus.micro.pulse import send_pulses
from services.clock import SystemClock
from services.ledger.adapters.dispatchers import Dispatchers
from services.ledger.adapters.history_endpoint import HistoryEndpoint
from services.ledger.adapters.metrics import of_ledger, of_settlements
from services.ledger.adapters.pulse import pulse_of
from services.ledger.adapters.sample_stream import SampleStream
from services.ledger.adapters.settlement_stream import SettlementStream
from services.ledger.adapters.snapshot_store import SnapshotStore
from services.ledger.adapters.stored_settlements import StoredSettlements
from services.ledger.adapters.summary_endpoint import SummaryEndpoint
from services.ledger.core.book import Book
from services.ledger.core.integrity import Integrity
from services.ledger.core.samples import Samples
from services.ledger.flow.checking import Checker
from services.ledger.flow.counting import Ledger
from services.ledger.flow.history import History
from services.ledger.flow.sampling import Sampler
from services.ledger.flow.snapshots import SnapshotRunner
from services.ledger.settings import LedgerSettings, ledger_settings
from services.metrics.bus import of_bus
from services.metrics.server import Metrics, served_metrics
from services.overview.adapters.vitals_source import VitalsSource
from services.overview.core.vitals import Vitals
from services.process import connected, run


async def serve(stop: asyncio.Event) -> None:
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
        clock = SystemClock()
        dispatchers = Dispatchers(bus)
        await dispatchers.listen()
        integrity = Integrity(settings.missing)
        new_stream = partial(SettlementStream, bus, integrity)
        ledger = Ledger(Book(settings.processors), new_stream, dispatchers, clock, integrity)
        checker = Checker(
            ledger.settlements,
            StoredSettlements(bus),
            integrity,
            per_s=settings.reread_per_s,
            every_s=settings.reread_every_s,
        )
        runner = SnapshotRunner(ledger, SnapshotStore(bus), settings.snapshot_every, checker)
        metrics.add(of_bus(bus), of_ledger(ledger), of_settlements(bus, settings.bus.limits.settlements_bytes_max))
        samples = Samples()
        vitals = partial(Vitals, settings.bus.processors)
        sampler = Sampler(VitalsSource(bus, clock.stamp), vitals, samples, SampleStream(bus), clock)
        history = History(ledger, samples, settings.bus.processors, clock)
        past = HistoryEndpoint(history.answer, ledger.why_not)
        await SummaryEndpoint(ledger).serve(bus, settings.bus.instance, past)
        pulse = pulse_of(settings.bus.instance, clock.stamp(), ledger)
        async with asyncio.TaskGroup() as tasks:
            work = [bus.watch(), runner.run(), sampler.run(), send_pulses(bus, pulse)]
            running = [tasks.create_task(coroutine) for coroutine in work]
            await stop.wait()
            for task in running:
                task.cancel()
        await runner.stop()
    finally:
        await bus.close()


if __name__ == "__main__":
    run(serve)
