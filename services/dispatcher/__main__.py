"""``python -m services.dispatcher``: who is introduced to whom."""

import asyncio
import logging
import os
import secrets
from collections.abc import Sequence
from functools import partial

from services.bus.connection import Bus
from services.bus.pulse import send_pulses
from services.bus.settings import name_of_process
from services.bus.streams import ensure_dispatcher, ensure_streams
from services.contracts.roster import Place
from services.dispatcher.adapters.alive import Alive
from services.dispatcher.adapters.clock import SystemClock
from services.dispatcher.adapters.health import HealthPollers, hear
from services.dispatcher.adapters.metrics import of_dispatcher
from services.dispatcher.adapters.migration import migrate
from services.dispatcher.adapters.payment_endpoint import PaymentEndpoint
from services.dispatcher.adapters.payment_stream import PaymentStream
from services.dispatcher.adapters.processor_api import ProcessorApi
from services.dispatcher.adapters.pulse import pulse_of
from services.dispatcher.adapters.roster import Roster
from services.dispatcher.adapters.state_endpoint import StateEndpoint
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.condition import Health
from services.dispatcher.core.tally import Tally
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.dispatching import Dispatching
from services.dispatcher.settings import Settings, settings
from services.metrics.bus import of_bus
from services.metrics.server import Metrics, served_metrics
from services.records.assignments import AssignmentStream, read_up
from services.records.settlements import SettlementRecords
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
    instance = config.bus.instance
    owner = f"{instance}/{secrets.token_hex(8)}"
    await ensure_streams(bus, config.bus.limits)
    await ensure_dispatcher(bus, ack_wait_s=config.ack_wait_s)

    clock, tally, log_read = SystemClock(), Tally(()), AssignmentLog()
    traffic, alive = Traffic((), config.rules), Alive(clock, config.ack_wait_s)
    stream, assignments = PaymentStream(bus, ack_wait_s=config.ack_wait_s), AssignmentStream(bus, instance)
    pollers = HealthPollers(bus, clock, name_of_process())
    processors: dict[str, ProcessorApi] = {}

    def charge_at(places: Sequence[Place]) -> None:
        for place in places:
            known = processors.get(place.generation)
            if known is None or known.url != place.url:
                processors[place.generation] = ProcessorApi(
                    place.url, transport, call_timeout_s=config.call_timeout_s, health_timeout_s=HEALTH_TIMEOUT_S
                )
        taking = [place.generation for place in places if place.state == "open"]
        traffic.charge_at(taking, [place.generation for place in places if place.state != "open"])
        tally.begin(place.name for place in places)
        pollers.poll({place.name: processors[place.generation] for place in places if place.state != "closing"})

    roster = Roster(bus, assignments, log_read, charge_at)
    await roster.seed(config.bus.processors)
    await migrate(bus, roster.places)

    flow = Dispatching(
        owner=owner,
        traffic=traffic,
        tally=tally,
        log_read=log_read,
        queue=stream,
        source=stream,
        settlements=SettlementRecords(bus),
        assignments=assignments,
        processors=processors,
        clock=clock,
        is_alive=alive.__contains__,
    )
    metrics.add(of_bus(bus), of_dispatcher(tally, traffic, lambda: roster.places, clock))
    following = assignments.follower(flow.assigning.read)
    queue = stream.open(flow.taking.deliver, partial(read_up, following))

    def heard(processor: str, health: Health) -> None:
        for place in roster.places:
            if place.name == processor and place.state != "closing":
                traffic.evidence(place.generation).heard(health)
        flow.pump.kick()

    await hear(bus, clock, heard)
    await alive.listen(bus)
    await PaymentEndpoint(bus, log_read, traffic).listen()
    service = await StateEndpoint(traffic, tally.counts, clock, instance).serve(bus)
    pulse = pulse_of(instance, owner, clock.stamp(), traffic=traffic, counts=tally.counts, clock=clock)
    async with asyncio.TaskGroup() as group:
        work = [
            queue.run(),
            following.run(),
            flow.tidying.run(),
            flow.pump.run(),
            flow.pump.keep_in_hand(config.ack_wait_s),
        ]
        work += [roster.run(), roster.tend(), pollers.run(), bus.watch(), send_pulses(bus, pulse)]
        tasks = [group.create_task(coroutine) for coroutine in work]
        log.info("dispatcher.ready", extra={"processors": tally.processors, "owner": owner})
        await stop.wait()
        await flow.stop(config.call_timeout_s * 2 + STOP_MARGIN_S)
        await service.stop()
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    run(story)
