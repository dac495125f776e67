"""What an audit needs: our streams, two real processors, all empty, and a reader of ASSIGNMENTS."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest_asyncio

from services.bus.jetstream.streams import StreamLimits
from services.bus.wire.connection import Bus
from services.dispatcher.adapters.payment_endpoint import PaymentEndpoint
from services.dispatcher.core.traffic import Traffic
from services.records.assignments import AssignmentStream, read_up
from tests.integration.audit.audit_programs import House, RunningProcessor
from tests.nats_server import NatsServer
from tests.unit.dispatcher.fakes import RULES


@pytest_asyncio.fixture
async def house(nats_server: NatsServer, bus: Bus, streams: StreamLimits) -> AsyncIterator[House]:
    """A nats-server with our streams, two processors, and the reading half of a dispatcher."""
    processors = {name: RunningProcessor() for name in ("default", "fallback")}
    there = House(bus, nats_server.url, processors)
    following = AssignmentStream(bus, "dispatcher-1").follower(there.log.read)
    reading = asyncio.create_task(following.run())
    await read_up(following)
    traffic = Traffic(tuple(processors), RULES)
    await PaymentEndpoint(bus, there.log, traffic, "dispatcher-1/me", lambda: ()).listen()
    yield there
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading
    for processor in processors.values():
        processor.kill()
