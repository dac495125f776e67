"""``python -m services.dispatcher``: the wiring."""

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from services.bus.jetstream.api import ApiError
from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.jetstream.follow import StreamWentBackError
from services.bus.jetstream.streams import ensure_streams
from services.bus.micro.pulse import send_pulses
from services.bus.wire.connection import Bus, BusAwayError
from services.contracts import subjects
from services.dispatcher.adapters.access import access_log, follow_access
from services.dispatcher.adapters.alive import Alive
from services.dispatcher.adapters.charging import Charging
from services.dispatcher.adapters.clock import SystemClock
from services.dispatcher.adapters.health import HealthPollers, follow_health
from services.dispatcher.adapters.metrics import of_dispatcher
from services.dispatcher.adapters.migration import migrate
from services.dispatcher.adapters.payment_endpoint import PaymentEndpoint
from services.dispatcher.adapters.payment_stream import PaymentStream
from services.dispatcher.adapters.pulse import pulse_of
from services.dispatcher.adapters.release_endpoint import ReleaseEndpoint
from services.dispatcher.adapters.release_records import ReleaseRecords
from services.dispatcher.adapters.roster import Roster
from services.dispatcher.adapters.state_endpoint import StateEndpoint
from services.dispatcher.adapters.store_watch import StoreWatch
from services.dispatcher.adapters.stored_endpoint import StoredEndpoint
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.holdings import Holdings
from services.dispatcher.core.tally import Tally
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.dispatching import Dispatching
from services.dispatcher.flow.releasing import Releasing
from services.dispatcher.settings import Settings, settings
from services.metrics.bus import of_bus
from services.metrics.key_files import of_key_files
from services.metrics.server import Metrics, served_metrics
from services.process import connected, retry_until_answered, run
from services.records.assignments import AssignmentStream, read_up
from services.records.doubt import StoreWentBackError, mark_doubtful
from services.records.settlements import SettlementRecords
from services.settings.instance import name_of_process

STOP_MARGIN_S = 2.0
# At 800 payments a second a message of the log then has 11 lines instead of 4, and all services take a tenth less CPU;
# at 300 it makes no difference, and a payment is settled a millisecond later.
LINES_TOGETHER_S = 0.005
MARK_AGAIN_AFTER_S = 0.5
MARK_TRIES_WHEN_STOPPING = 5
SETTLING = (subjects.PAYMENTS, subjects.ASSIGNMENTS, subjects.SETTLEMENTS)

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
        await _settle(config, bus, transport, metrics, stop)
    except* (StreamWentBackError, StoreWentBackError) as group:
        # Marked again: from here on no POST of this process is under way, and what it may have booked is asked about.
        await _mark(bus, SystemClock(), stop)
        raise StoreWentBackError(str(group.exceptions[0])) from group
    finally:
        await transport.aclose()
        await bus.close()


async def _settle(
    config: Settings, bus: Bus, transport: ProcessorTransport, metrics: Metrics, stop: asyncio.Event
) -> None:
    instance = config.bus.instance
    owner = f"{instance}/{secrets.token_hex(8)}"

    async def ensure() -> None:
        # In a cluster each stream has its own election: those that are not needed now are not waited for.
        await ensure_streams(bus, config.bus.limits, SETTLING if bus.replicas > 1 else ())
        await ensure_dispatcher(bus, ack_wait_s=config.ack_wait_s)

    async def may_be_asked() -> bool:
        return await watch.may_have_doubtful()

    clock, tally, log_read = SystemClock(), Tally(()), AssignmentLog()
    traffic, alive = Traffic((), config.rules), Alive(clock, config.ack_wait_s)
    stream, not_read = PaymentStream(bus), access_log()
    assignments = AssignmentStream(bus, instance, is_met=lambda: stream.is_open)
    pollers = HealthPollers(bus, clock, name_of_process())
    charging = Charging(
        transport=transport,
        access=config.access,
        call_timeout_s=config.call_timeout_s,
        traffic=traffic,
        tally=tally,
        pollers=pollers,
    )
    roster = Roster(bus, assignments, log_read, charging.charge_at, may_be_asked)

    async def begin() -> None:
        await roster.seed(config.bus.processors)
        await migrate(bus, roster.places)

    if not await retry_until_answered(begin, stop):
        return

    settlements = SettlementRecords(bus)
    watch = StoreWatch(
        bus,
        is_synced=config.is_synced,
        books_within_s=config.books_within_s,
        repeated_within_s=config.bus.limits.idempotency_window_s,
        clock=clock,
        lines_read=lambda: log_read.read_to,
        settlements_to=lambda: settlements.last_seq,
        payments_to=lambda: flow.taking.seq_seen,
    )
    flow = Dispatching(
        owner=owner,
        traffic=traffic,
        tally=tally,
        log_read=log_read,
        queue=stream,
        source=stream,
        settlements=settlements,
        assignments=assignments,
        processors=charging.processors,
        store=watch,
        clock=clock,
        is_alive=alive.__contains__,
        together_s=LINES_TOGETHER_S,
    )

    def left_behind() -> dict[str, int]:
        return log_read.left_behind(charging.charging)

    source = of_dispatcher(
        tally, traffic, places=lambda: charging.places, left_behind=left_behind, waiting=stream.waiting, clock=clock
    )
    metrics.add(of_bus(bus), source, of_key_files({"PROCESSOR_CREDENTIALS": lambda: not_read.is_failing}))
    following = assignments.follower(flow.assigning.read)

    async def prepare() -> None:
        await watch.meet()
        await read_up(following)

    queue = stream.open(flow.taking.deliver, ensure, prepare)

    await follow_health(bus, clock, charging.add_health)
    await alive.listen(bus)
    await PaymentEndpoint(bus, log_read, traffic, owner, alive.owners).listen()
    await StoredEndpoint(bus, flow.settling.stored, settlements, clock).listen(owner)
    state = StateEndpoint(traffic, tally.counts, lambda: charging.paused, clock, instance)
    releases = _releases(bus, lambda: following.is_caught_up and stream.is_open, watch, log_read, charging)
    service = await state.serve(bus, releases)
    pulse = pulse_of(
        instance,
        owner,
        clock.stamp(),
        traffic=traffic,
        counts=tally.counts,
        left_behind=left_behind,
        paused=lambda: charging.paused,
        clock=clock,
    )
    work = [queue.run(), following.run(), watch.run(), flow.tidying.run(), flow.pump.run()]
    work += [flow.pump.keep_in_hand(config.ack_wait_s), roster.run(), roster.tend(), pollers.run()]
    work += [bus.watch(), send_pulses(bus, pulse), follow_access(os.environ, config.access, charging.show, not_read)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_mark_and_raise(part, flow, partial(_mark, bus, clock, stop))) for part in work]
        log.info("dispatcher.ready", extra={"processors": tally.processors, "owner": owner})
        try:
            await stop.wait()
        except asyncio.CancelledError:  # one of them failed: calls under way end first
            await flow.abandon(config.call_timeout_s * 2 + STOP_MARGIN_S)
            raise
        await flow.stop(config.call_timeout_s * 2 + STOP_MARGIN_S)
        await service.stop()
        for task in tasks:
            task.cancel()


def _releases(
    bus: Bus, is_read: Callable[[], bool], store: StoreWatch, log_read: AssignmentLog, charging: Charging
) -> ReleaseEndpoint:
    clock = SystemClock()
    return ReleaseEndpoint(
        Releasing(
            log_read=log_read,
            records=ReleaseRecords(bus, Holdings(log_read, charging.traffic, clock.stamp_of)),
            processors=charging.processors,
            clock=clock,
            store=store,
            is_read=is_read,
        )
    )


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


async def _mark(bus: Bus, clock: SystemClock, stop: asyncio.Event) -> None:
    """Mark what waits as doubtful, for as long as that takes: nothing is sent before.

    While stopping, only for a few tries: the process that starts next has read nothing, and perhaps no other knows.
    """
    tries = 0
    while not stop.is_set() or tries < MARK_TRIES_WHEN_STOPPING:
        tries += stop.is_set()
        try:
            await mark_doubtful(bus, clock.stamp())
        except (BusAwayError, ApiError) as error:
            log.warning("store.not_marked", extra={"error": str(error)})
            await asyncio.sleep(MARK_AGAIN_AFTER_S)
        else:
            return


if __name__ == "__main__":
    run(serve)
