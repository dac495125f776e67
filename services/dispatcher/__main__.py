"""``python -m services.dispatcher``: who is introduced to whom."""

import asyncio
import logging
import os
import secrets
from functools import partial

from services.bus.connection import Bus
from services.bus.pulse import send_pulses
from services.bus.settings import name_of_process
from services.bus.streams import ensure_dispatcher, ensure_streams
from services.dispatcher.adapters.alive import Alive
from services.dispatcher.adapters.assignment_stream import AssignmentStream, SettlementRecords, read_up
from services.dispatcher.adapters.clock import SystemClock
from services.dispatcher.adapters.generations import generations
from services.dispatcher.adapters.health import HealthPoller, hear
from services.dispatcher.adapters.metrics import of_dispatcher
from services.dispatcher.adapters.migration import migrate
from services.dispatcher.adapters.payment_endpoint import PaymentEndpoint
from services.dispatcher.adapters.payment_stream import PaymentStream
from services.dispatcher.adapters.processor_api import ProcessorApi
from services.dispatcher.adapters.pulse import pulse_of
from services.dispatcher.adapters.state_endpoint import StateEndpoint
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.condition import Health
from services.dispatcher.core.tally import Tally
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.assigning import Assigning
from services.dispatcher.flow.attempting import Attempting
from services.dispatcher.flow.pump import Pump
from services.dispatcher.flow.settling import Settling
from services.dispatcher.flow.stories import Stories
from services.dispatcher.flow.taking import Taking
from services.dispatcher.flow.tidying import Tidying
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
    names, instance = tuple(processors), config.bus.instance
    owner = f"{instance}/{secrets.token_hex(8)}"
    await ensure_streams(bus, config.bus.limits)
    generation_of = await generations(bus, config.bus.processors)
    await migrate(bus, generation_of)
    await ensure_dispatcher(bus, ack_wait_s=config.ack_wait_s)

    clock, tally, log_read = SystemClock(), Tally(names), AssignmentLog()
    alive = Alive(clock, config.ack_wait_s)
    traffic = Traffic(names, config.rules)
    stream, assignments, settlements = (
        PaymentStream(bus, ack_wait_s=config.ack_wait_s),
        AssignmentStream(bus, instance),
        SettlementRecords(bus),
    )
    stories = Stories(traffic, tally)
    assigning = Assigning(owner=owner, log_read=log_read, assignments=assignments, settlements=settlements, clock=clock)
    settling = Settling(
        traffic=traffic, tally=tally, queue=stream, settlements=settlements, assigning=assigning, clock=clock
    )
    attempting = Attempting(
        traffic=traffic,
        tally=tally,
        log_read=log_read,
        generations=generation_of,
        processors=processors,
        assigning=assigning,
        settling=settling,
        stories=stories,
        clock=clock,
    )
    pump = Pump(traffic, stream, clock, attempting.start)
    stories.on_end(pump.kick)
    taking = Taking(
        owner=owner,
        log_read=log_read,
        generations=generation_of,
        traffic=traffic,
        tally=tally,
        queue=stream,
        settling=settling,
        stories=stories,
        clock=clock,
        is_alive=alive.__contains__,
        turn=pump.kick,
    )
    tidying = Tidying(
        log_read=log_read,
        traffic=traffic,
        assigning=assigning,
        settlements=settlements,
        generations=generation_of,
        is_alive=lambda other: other == owner or other in alive,
    )
    metrics.add(of_bus(bus), of_dispatcher(tally, traffic, config.bus.processors, clock))
    following = assignments.follower(assigning.read)
    queue = stream.open(taking.deliver, partial(read_up, following))

    def heard(processor: str, health: Health) -> None:
        traffic.evidence(processor).heard(health)
        pump.kick()

    await hear(bus, clock, frozenset(names), heard)
    await alive.listen(bus)
    await PaymentEndpoint(bus, log_read, traffic).listen()
    service = await StateEndpoint(names, traffic, tally.counts, clock, instance).serve(bus)
    pollers = [HealthPoller(bus, name, api, clock, name_of_process()) for name, api in processors.items()]
    pulse = pulse_of(instance, owner, clock.stamp(), traffic=traffic, counts=tally.counts, clock=clock)
    async with asyncio.TaskGroup() as group:
        work = [queue.run(), following.run(), tidying.run(), pump.run(), pump.keep_in_hand(config.ack_wait_s)]
        work += [bus.watch(), send_pulses(bus, pulse), *(poller.run() for poller in pollers)]
        tasks = [group.create_task(coroutine) for coroutine in work]
        log.info("dispatcher.ready", extra={"processors": names, "owner": owner})
        await stop.wait()
        pump.stop()
        taking.stop()
        await attempting.finish(config.call_timeout_s * 2 + STOP_MARGIN_S)
        await service.stop()
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    run(story)
