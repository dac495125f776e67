"""``python -m services.dispatcher``: who is introduced to whom."""

import asyncio
import logging
import os

from services.bus.connection import Bus
from services.bus.pulse import send_pulses
from services.bus.settings import name_of_process
from services.bus.streams import claim_home, ensure_dispatcher, ensure_streams
from services.dispatcher.adapters.clock import SystemClock
from services.dispatcher.adapters.health import HealthPoller, hear
from services.dispatcher.adapters.metrics import of_dispatcher
from services.dispatcher.adapters.payment_stream import PaymentStream
from services.dispatcher.adapters.processor_api import ProcessorApi
from services.dispatcher.adapters.pulse import pulse_of
from services.dispatcher.adapters.state_endpoint import StateEndpoint
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.pump import Pump
from services.dispatcher.flow.settling import Settling
from services.dispatcher.settings import Settings, settings
from services.metrics.bus import of_bus
from services.metrics.server import Metrics, served_metrics
from services.running import connected, run

HEALTH_TIMEOUT_S = 2.0
STOP_MARGIN_S = 2.0

log = logging.getLogger("tarifa.dispatcher")


async def story(stop: asyncio.Event) -> None:
    """Settle payments until ``stop``, and be measured meanwhile."""
    config = settings(os.environ)
    async with served_metrics(config.bus.metrics_listen, "dispatcher") as metrics:
        await _connect(config, metrics, stop)
    log.info("dispatcher.stopped")


async def _connect(config: Settings, metrics: Metrics, stop: asyncio.Event) -> None:
    """Connect everything, settle payments until ``stop``, then let the calls under way end."""
    bus = await connected(config.bus.nats_url, "dispatcher", stop)
    if bus is None:
        return
    transport = ProcessorTransport(timeout_s=config.call_timeout_s, idle_max=config.rules.in_flight_max)
    try:
        await _settle(config, bus, transport, metrics, stop)
    finally:
        await transport.aclose()
        await bus.close()


async def _settle(
    config: Settings, bus: Bus, transport: ProcessorTransport, metrics: Metrics, stop: asyncio.Event
) -> None:
    processors = {
        processor.name: ProcessorApi(
            processor.url, transport, call_timeout_s=config.call_timeout_s, health_timeout_s=HEALTH_TIMEOUT_S
        )
        for processor in config.bus.processors
    }
    names = tuple(processors)
    await ensure_streams(bus, config.bus.limits)
    await claim_home(bus, names[0])
    max_ack_pending = await ensure_dispatcher(bus, max_ack_pending=config.max_ack_pending, ack_wait_s=config.ack_wait_s)
    clock = SystemClock()
    traffic = Traffic(names, config.rules)
    stream = PaymentStream(bus, max_ack_pending=max_ack_pending, ack_wait_s=config.ack_wait_s)
    pump = Pump(traffic, stream, clock)
    settling = Settling(
        home=names[0],
        traffic=traffic,
        queue=stream,
        records=stream,
        processors=processors,
        clock=clock,
        on_change=pump.kick,
    )
    metrics.add(of_bus(bus), of_dispatcher(settling.tally, traffic, config.bus.processors, clock))
    pump.begin(settling.start)
    queue = stream.open(settling.deliver, settling.read_mark, lambda: settling.seq_seen)
    await hear(bus, clock, frozenset(names), settling.heard)

    instance = config.bus.instance
    service = await StateEndpoint(names, traffic, settling.counts, clock, instance).serve(bus)
    pollers = [HealthPoller(bus, name, api, clock, name_of_process()) for name, api in processors.items()]
    pulse = pulse_of(instance, clock.stamp(), traffic=traffic, counts=settling.counts, clock=clock)
    async with asyncio.TaskGroup() as group:
        work = [queue.run(), stream.follow_bindings(), pump.run(), pump.keep_in_hand(config.ack_wait_s), bus.watch()]
        work.append(send_pulses(bus, pulse))
        tasks = [group.create_task(coroutine) for coroutine in [*work, *(poller.run() for poller in pollers)]]
        log.info("dispatcher.ready", extra={"processors": names, "max_ack_pending": max_ack_pending})
        await stop.wait()
        pump.stop()
        await settling.finish(config.call_timeout_s * 2 + STOP_MARGIN_S)
        await service.stop()
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    run(story)
