"""``python -m services.ingress``: the wiring."""

import asyncio
import logging
import os
from functools import partial
from typing import Any

from sanic import Sanic

from services.bus.micro.pulse import send_pulses
from services.bus.wire.connection import Bus
from services.clock import SystemClock
from services.contracts.permissions import INGRESS
from services.ingress.adapters.connections import Connections
from services.ingress.adapters.dispatcher_client import DispatcherClient
from services.ingress.adapters.http_api import http_app
from services.ingress.adapters.http_guard import HttpGuard
from services.ingress.adapters.http_history import add_history
from services.ingress.adapters.http_listing import add_listing
from services.ingress.adapters.http_server import HttpServer
from services.ingress.adapters.key_ring import KeyRing
from services.ingress.adapters.ledger_client import LedgerClient
from services.ingress.adapters.listed import ListedPayments, ListedSettlements
from services.ingress.adapters.metrics import of_ingress
from services.ingress.adapters.operating_api import add_operating
from services.ingress.adapters.page import add_page
from services.ingress.adapters.payment_history import PaymentHistory
from services.ingress.adapters.payment_stream import JetStreamPayments
from services.ingress.adapters.processors_client import DispatcherReleases, ProcessorsClient
from services.ingress.adapters.pulse import pulse_of
from services.ingress.adapters.releasing_api import add_releasing
from services.ingress.adapters.settlement_hints import SettlementHints
from services.ingress.adapters.sign_in import add_sign_in
from services.ingress.core.guard import Guard
from services.ingress.core.meter import Meter
from services.ingress.flow.awaiting import Awaiting
from services.ingress.flow.ingress import Ingress
from services.ingress.flow.listing import Listing
from services.ingress.flow.operating import Operating
from services.ingress.flow.payment_life import PaymentLife
from services.ingress.flow.release_requests import ReleaseRequests
from services.ingress.settings import IngressSettings, ingress_settings
from services.metrics.bus import of_bus
from services.metrics.key_files import of_key_files
from services.metrics.server import Metrics, served_metrics
from services.overview.adapters.hub import Hub
from services.overview.adapters.vitals_source import VitalsSource
from services.overview.core.vitals import Vitals
from services.process import connected, retry_until_answered, run
from services.records.operations import OperationLog

log = logging.getLogger("tarifa.ingress")


async def ingress(stop: asyncio.Event) -> None:
    """Serve until ``stop``, with metrics meanwhile."""
    settings = ingress_settings(os.environ)
    keys = KeyRing.open(settings.api_keys, Guard(settings.access))
    async with served_metrics(settings.bus.metrics_listen, "ingress") as metrics:
        metrics.add(of_key_files({"API_KEYS": lambda: bool(keys.trouble)}))
        await _serve(settings, keys, metrics, stop)
    log.info("ingress.stopped")


async def _serve(settings: IngressSettings, keys: KeyRing, metrics: Metrics, stop: asyncio.Event) -> None:
    """Serve until ``stop``; NATS is closed only after the last answer."""
    bus = await connected(settings.bus, "ingress", stop)
    if bus is None:
        return
    try:
        payments = JetStreamPayments(bus, settings.bus.limits, settings.bus.instance)
        if await retry_until_answered(payments.open, stop):
            await _answer(bus, payments, settings=settings, keys=keys, metrics=metrics, stop=stop)
    finally:
        await bus.close()


async def _answer(
    bus: Bus,
    payments: JetStreamPayments,
    *,
    settings: IngressSettings,
    keys: KeyRing,
    metrics: Metrics,
    stop: asyncio.Event,
) -> None:
    """Answer requests until ``stop``, and then those that were already read."""
    clock, meter = SystemClock(), Meter()
    metrics.add(of_bus(bus), of_ingress(meter, payments.store_took))
    hub = Hub(VitalsSource(bus, clock.stamp), partial(Vitals, settings.bus.processors), clock)
    awaiting = Awaiting(settlements=payments, hints=SettlementHints(bus), meter=meter)
    app = _app(bus, payments, awaiting=awaiting, hub=hub, before=HttpGuard(keys.guard, meter), settings=settings)
    pulse = pulse_of(settings.bus.instance, clock.stamp(), meter, lambda: keys.trouble)
    connections = Connections(settings.connections_max, settings.connections_per_address_max)
    server = await HttpServer.start(app, settings.listen, connections, reuse_port=settings.reuse_port)
    log.info("ingress.ready", extra={"listen": str(settings.listen), "access": settings.access.value})
    async with asyncio.TaskGroup() as tasks:
        work = (bus.watch(), send_pulses(bus, pulse), hub.run(), payments.run(), keys.run())
        beside = [tasks.create_task(each) for each in work]
        await stop.wait()
        hub.close()  # open pages never end by themselves
        awaiting.close()
        await server.stop()
        for task in beside:
            task.cancel()


def _app(
    bus: Bus,
    payments: JetStreamPayments,
    *,
    awaiting: Awaiting,
    hub: Hub,
    before: HttpGuard,
    settings: IngressSettings,
) -> Sanic[Any, Any]:
    """Return the application with all its routes, and the guard before each of them."""
    now = SystemClock().stamp
    dispatchers = DispatcherClient(bus)
    flow = Ingress(
        payments=payments,
        dispatchers=dispatchers,
        ledger=LedgerClient(bus),
        clock=now,
        amount_max=settings.amount_max,
    )
    listing = Listing(payments=ListedPayments(bus), settled=ListedSettlements(bus), dispatchers=dispatchers, clock=now)
    lives = PaymentLife(standings=flow, history=PaymentHistory(bus), dispatchers=dispatchers)
    recorded = OperationLog(bus, (INGRESS,)).recorded
    operating = Operating(processors=ProcessorsClient(bus), book=flow, recorded=recorded, clock=now)
    names = [processor.name for processor in settings.bus.processors]
    app = http_app(flow, awaiting, before.meter, before, processor_names=names)
    add_listing(app, listing, lives)
    add_history(app, flow)
    add_operating(app, operating, allow_purge=settings.allow_purge)
    add_releasing(app, ReleaseRequests(dispatchers=DispatcherReleases(bus), recorded=recorded))
    add_page(app, hub, before)
    add_sign_in(app, before)
    before.install(app)
    return app


if __name__ == "__main__":
    run(ingress)
