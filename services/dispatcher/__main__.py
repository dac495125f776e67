"""``python -m services.dispatcher``: the wiring."""

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.jetstream.follower import StreamWentBackError
from services.bus.jetstream.streams import ensure_streams
from services.bus.micro.pulse import send_pulses
from services.bus.micro.service import Served
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.store_errors import StoreWentBackError
from services.dispatcher.adapters.access import access_log, follow_access
from services.dispatcher.adapters.clock import DispatcherClock
from services.dispatcher.adapters.health import HealthPollers, follow_health
from services.dispatcher.adapters.live_owners import LiveOwners
from services.dispatcher.adapters.metrics import of_dispatcher
from services.dispatcher.adapters.migration import migrate
from services.dispatcher.adapters.payment_endpoint import PaymentEndpoint
from services.dispatcher.adapters.payment_stream import PaymentStream
from services.dispatcher.adapters.processor_clients import ProcessorClients
from services.dispatcher.adapters.processor_registry import ProcessorRegistry
from services.dispatcher.adapters.pulse import pulse_of
from services.dispatcher.adapters.release_endpoint import ReleaseEndpoint
from services.dispatcher.adapters.release_records import ReleaseRecords
from services.dispatcher.adapters.state_endpoint import StateEndpoint
from services.dispatcher.adapters.store_watch import StoreWatch, mark_store
from services.dispatcher.adapters.stored_endpoint import StoredEndpoint
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.status import Status, status_of
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.dispatching import Dependencies, Dispatching
from services.dispatcher.flow.releasing import Releasing
from services.dispatcher.settings import Settings, settings
from services.metrics.bus import of_bus
from services.metrics.key_files import of_key_files
from services.metrics.metric import Source
from services.metrics.server import Metrics, served_metrics
from services.process import connected, retry_until_answered, run
from services.records.assignments import AssignmentStream, read_up
from services.records.settlements import SettlementRecords
from services.settings.instance import name_of_process

STOP_MARGIN_S = 2.0
# At 800 payments a second a message of the log then has 11 lines instead of 4, and all services take a tenth less CPU;
# at 300 it makes no difference, and a payment is settled a millisecond later.
LINES_TOGETHER_S = 0.005
SETTLING_STREAMS = (subjects.PAYMENTS, subjects.ASSIGNMENTS, subjects.SETTLEMENTS)

log = logging.getLogger("tarifa.dispatcher")


async def serve(stop: asyncio.Event) -> None:
    """Settle payments until ``stop``, with metrics meanwhile."""
    config = settings(os.environ)
    async with served_metrics(config.bus.metrics_listen, "dispatcher") as metrics:
        await _connect(config, metrics, stop)
    log.info("dispatcher.stopped")


async def _connect(config: Settings, metrics: Metrics, stop: asyncio.Event) -> None:
    """Connect to NATS, settle payments until ``stop``, then let the calls under way end."""
    bus = await connected(config.bus, "dispatcher", stop)
    if bus is None:
        return
    transport = ProcessorTransport(idle_max=config.rules.in_flight_max)
    try:
        await _settle(_Parts(config, bus, transport), metrics, stop)
    except* (StreamWentBackError, StoreWentBackError) as group:
        # Marked again: from here on no POST of this process is under way, and what it may have booked is asked about.
        await mark_store(bus, DispatcherClock(), stop)
        raise StoreWentBackError(str(group.exceptions[0])) from group
    finally:
        await transport.aclose()
        await bus.close()


async def _settle(parts: "_Parts", metrics: Metrics, stop: asyncio.Event) -> None:
    if not await retry_until_answered(parts.begin, stop):
        return
    metrics.add(*parts.sources())
    work = parts.work()
    service = await parts.answer()
    flow, call_s = parts.flow, parts.config.call_timeout_s
    mark = partial(mark_store, parts.bus, parts.clock, stop)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_mark_and_raise(part, flow, mark)) for part in work]
        log.info("dispatcher.ready", extra={"processors": parts.counters.processors, "owner": parts.owner})
        try:
            await stop.wait()
        except asyncio.CancelledError:  # one of them failed: calls under way end first
            await flow.abandon(call_s * 2 + STOP_MARGIN_S)
            raise
        await flow.stop(call_s * 2 + STOP_MARGIN_S)
        await service.stop()
        for task in tasks:
            task.cancel()


class _Parts:
    """The connected parts of this process; constructing them sends nothing."""

    def __init__(self, config: Settings, bus: Bus, transport: ProcessorTransport) -> None:
        self.config, self.bus, self.clock = config, bus, DispatcherClock()
        self.owner = f"{config.bus.instance}/{secrets.token_hex(8)}"
        self.counters, self.log_read, self.traffic = Counters(()), AssignmentLog(), Traffic((), config.rules)
        self.stream, self.settlements = PaymentStream(bus), SettlementRecords(bus)
        self.assignments = AssignmentStream(bus, config.bus.instance, is_met=lambda: self.stream.is_open)
        self.live_owners, self.not_read = LiveOwners(self.clock, config.ack_wait_s), access_log()
        self.pollers = HealthPollers(bus, self.clock, name_of_process())
        self.clients = ProcessorClients(
            transport=transport,
            access=config.access,
            call_timeout_s=config.call_timeout_s,
            traffic=self.traffic,
            counters=self.counters,
            pollers=self.pollers,
        )
        self.watch = StoreWatch(
            bus,
            is_synced=config.is_synced,
            books_within_s=config.books_within_s,
            repeated_within_s=config.bus.limits.idempotency_window_s,
            clock=self.clock,
            lines_read=lambda: self.log_read.read_to,
            settlements_to=lambda: self.settlements.last_seq,
            payments_to=lambda: self.flow.taking.seq_seen,
        )
        charge_at, may_be_asked = self.clients.charge_at, self.watch.may_have_doubtful
        self.registry = ProcessorRegistry(bus, self.assignments, self.log_read, charge_at, may_be_asked)
        self.flow = self._flow()
        self.following = self.assignments.follower(self.flow.assigning.read)

    def _flow(self) -> Dispatching:
        return Dispatching(
            Dependencies(
                owner=self.owner,
                traffic=self.traffic,
                counters=self.counters,
                log_read=self.log_read,
                queue=self.stream,
                source=self.stream,
                settlements=self.settlements,
                assignments=self.assignments,
                processors=self.clients.processors,
                store=self.watch,
                clock=self.clock,
                is_alive=self.live_owners.__contains__,
                together_s=LINES_TOGETHER_S,
            )
        )

    async def begin(self) -> None:
        """Write what the bucket of processors lacks, and correct what an earlier version left."""
        await self.registry.seed(self.config.bus.processors)
        await migrate(self.bus, self.registry.generations)

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return everything that runs until the stop."""
        flow, config = self.flow, self.config
        queue = self.stream.open(flow.taking.deliver, self._ensure, self._prepare)
        work = [queue.run(), self.following.run(), self.watch.run(), flow.tidying.run(), flow.scheduler.run()]
        work += [
            flow.scheduler.keep_in_hand(config.ack_wait_s),
            self.registry.run(),
            self.registry.maintain(),
            self.pollers.run(),
        ]
        access = follow_access(os.environ, config.access, self.clients.use, self.not_read)
        pulse = pulse_of(config.bus.instance, self.owner, self.clock.stamp(), self._status)
        return [*work, self.bus.watch(), send_pulses(self.bus, pulse), access]

    async def answer(self) -> Served:
        """Subscribe to what others send, and answer requests."""
        bus, clock, flow = self.bus, self.clock, self.flow
        await follow_health(bus, clock, self.clients.add_health)
        await self.live_owners.listen(bus)
        await PaymentEndpoint(bus, self.log_read, self.traffic, self.owner, self.live_owners).listen()
        await StoredEndpoint(bus, flow.settling.stored, self.settlements, clock).listen(self.owner)
        return await StateEndpoint(self._status, self.config.bus.instance).serve(bus, self._releases())

    def sources(self) -> Iterable[Source]:
        """Return the metrics' sources."""
        dispatcher = of_dispatcher(self._status, self.counters, self.traffic, self.stream.waiting)
        return of_bus(self.bus), dispatcher, of_key_files({"PROCESSOR_CREDENTIALS": lambda: self.not_read.is_failing})

    async def _ensure(self) -> None:
        # In a cluster each stream has its own election: do not wait for those that are not needed now.
        await ensure_streams(self.bus, self.config.bus.limits, SETTLING_STREAMS if self.bus.replicas > 1 else ())
        await ensure_dispatcher(self.bus, ack_wait_s=self.config.ack_wait_s)

    async def _prepare(self) -> None:
        await self.watch.meet()
        await read_up(self.following)

    def _releases(self) -> ReleaseEndpoint:
        return ReleaseEndpoint(
            Releasing(
                log_read=self.log_read,
                records=ReleaseRecords(self.bus, self.live_owners.is_gone),
                processors=self.clients.processors,
                clock=self.clock,
                store=self.watch,
                is_read=lambda: self.following.is_caught_up and self.stream.is_open,
            )
        )

    def _status(self) -> Status:
        return status_of(self.traffic, self.counters, self.log_read, self.clients.generations, self.clock.now_ms())


async def _mark_and_raise(
    part: Coroutine[Any, Any, None], flow: Dispatching, mark: Callable[[], Awaitable[None]]
) -> None:
    """Mark the store as soon as a part finds that it went back, before the calls under way have ended.

    The process that starts next has read nothing, and perhaps no other process knows.
    """
    try:
        await part
    except (StreamWentBackError, StoreWentBackError):
        flow.start_nothing_more()
        with contextlib.suppress(asyncio.CancelledError):
            await mark()
        raise


if __name__ == "__main__":
    run(serve)
