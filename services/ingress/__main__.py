"""Ingress as a process: who is introduced to whom."""

import asyncio
import logging
import os
from datetime import UTC, datetime

from services.bus.streams import ensure_streams
from services.ingress.adapters.http_api import http_app
from services.ingress.adapters.http_server import HttpServer
from services.ingress.adapters.ledger_client import LedgerClient
from services.ingress.adapters.metrics import of_ingress
from services.ingress.adapters.payment_stream import JetStreamPayments
from services.ingress.core.meter import Meter
from services.ingress.flow import Ingress
from services.ingress.settings import IngressSettings, ingress_settings
from services.metrics.bus import of_bus
from services.metrics.server import Metrics, served_metrics
from services.running import connected, run

log = logging.getLogger("tarifa.ingress")


async def ingress(stop: asyncio.Event) -> None:
    """Serve until told to stop, and be measured meanwhile."""
    settings = ingress_settings(os.environ)
    async with served_metrics(settings.bus.metrics_listen, "ingress") as metrics:
        await _serve(settings, metrics, stop)
    log.info("ingress.stopped")


async def _serve(settings: IngressSettings, metrics: Metrics, stop: asyncio.Event) -> None:
    """Serve until told to stop; NATS is closed only after the last answer."""
    limits = settings.bus.limits
    bus = await connected(settings.bus.nats_url, "ingress", stop)
    if bus is None:
        return
    try:
        await ensure_streams(bus, limits)
        payments = JetStreamPayments(bus, backlog_max=limits.backlog_max, window_s=limits.idempotency_window_s)
        await payments.open()
        story = Ingress(
            payments=payments,
            ledger=LedgerClient(bus),
            clock=lambda: datetime.now(UTC),
            amount_max=settings.amount_max,
        )
        names = [processor.name for processor in settings.bus.processors]
        meter = Meter()
        metrics.add(of_bus(bus), of_ingress(meter, payments.store_took))
        app = http_app(story, meter, processor_names=names, allow_purge=settings.allow_purge)
        server = await HttpServer.start(app, settings.listen, reuse_port=settings.reuse_port)
        log.info("ingress.ready", extra={"listen": str(settings.listen)})
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(bus.watch())
            await stop.wait()
            await server.stop()
            watching.cancel()
    finally:
        await bus.close()


if __name__ == "__main__":
    run(ingress)
