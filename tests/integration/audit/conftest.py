"""What an audit needs: our streams, two real processors, all empty, and a reader of ASSIGNMENTS."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest_asyncio

from services.bus.jetstream.streams import StreamLimits
from services.bus.micro.service import serve
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.processor import Processor
from services.contracts.processor_entry import seeded
from services.dispatcher.adapters.clock import DispatcherClock
from services.dispatcher.adapters.live_owners import LiveOwners
from services.dispatcher.adapters.payment_endpoint import PaymentEndpoint
from services.dispatcher.adapters.processor_api import ProcessorApi
from services.dispatcher.adapters.release_endpoint import ABOUT, ReleaseEndpoint
from services.dispatcher.adapters.release_records import ReleaseRecords
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.releasing import Releasing
from services.records.assignments import AssignmentStream, read_up
from services.records.processors import ProcessorBucket
from tests.integration.audit.audit_programs import House, RunningProcessor
from tests.nats_server import PATIENCE_S, NatsServer
from tests.unit.dispatcher.fake_processor import registered
from tests.unit.dispatcher.fakes import RULES, FakeStore


async def release_for(house: House, alive: LiveOwners, transport: ProcessorTransport) -> None:
    """Have payments looked at and released, as a dispatcher does; both processors charge."""
    bucket, apis = ProcessorBucket(house.bus), {}
    for order, (name, running) in enumerate(house.processors.items()):
        entry = seeded(None, Processor(name, running.url, Decimal("0.05")), order)
        await bucket.change(name, lambda _, entry=entry: entry)  # type: ignore[misc]  # each its own
        apis[f"{name}/1"] = ProcessorApi(
            registered(f"{name}/1", running.url), transport, call_timeout_s=PATIENCE_S, health_timeout_s=1
        )
    records, clock = ReleaseRecords(house.bus, alive.is_gone), DispatcherClock()
    story = Releasing(
        log_read=house.log, records=records, processors=apis, clock=clock, store=FakeStore(), is_read=lambda: True
    )
    await serve(house.bus, subjects.DISPATCHER, "a dispatcher's releases", ReleaseEndpoint(story).answers, ABOUT)


@pytest_asyncio.fixture
async def house(nats_server: NatsServer, bus: Bus, streams: StreamLimits) -> AsyncIterator[House]:
    """A nats-server with our streams, two processors, and the reading half of a dispatcher."""
    processors = {name: RunningProcessor() for name in ("default", "fallback")}
    there = House(bus, nats_server.url, processors)
    following = AssignmentStream(bus, "dispatcher-1").follower(there.log.read)
    reading = asyncio.create_task(following.run())
    await read_up(following)
    traffic = Traffic(tuple(processors), RULES)
    alive = LiveOwners(DispatcherClock(), PATIENCE_S)
    await PaymentEndpoint(bus, there.log, traffic, "dispatcher-1/me", alive).listen()
    transport = ProcessorTransport(idle_max=1)
    await release_for(there, alive, transport)
    yield there
    await transport.aclose()
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading
    for processor in processors.values():
        processor.kill()
