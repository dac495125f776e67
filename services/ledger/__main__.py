"""The ledger as a process: who is introduced to whom."""

import asyncio
import os
from functools import partial

from services.bus.connection import Bus
from services.bus.streams import ensure_streams
from services.ledger.adapters.settlement_stream import SettlementStream
from services.ledger.adapters.summary_endpoint import SummaryEndpoint
from services.ledger.core.book import Book
from services.ledger.flow import Ledger
from services.ledger.settings import LedgerSettings, ledger_settings
from services.running import run


async def story(stop: asyncio.Event) -> None:
    """Run the ledger until the event is set."""
    settings = ledger_settings(os.environ)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(_serve(settings))
        await stop.wait()  # watched from the start: NATS may not be there for long
        serving.cancel()


async def _serve(settings: LedgerSettings) -> None:
    bus = await Bus.connect(settings.bus.nats_url, "ledger")
    try:
        await ensure_streams(bus, settings.bus.limits)
        ledger = Ledger(Book(settings.processors), partial(SettlementStream, bus))
        await SummaryEndpoint(ledger).serve(bus)
        await asyncio.gather(bus.watch(), ledger.run())
    finally:
        await bus.close()


if __name__ == "__main__":
    run(story)
