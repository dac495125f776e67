"""A house to audit: our streams, two real processors, nothing in any of them."""

from collections.abc import Iterator

import pytest

from services.bus.connection import Bus
from services.bus.streams import StreamLimits
from tests.integration.audit.audit_programs import House, RunningProcessor
from tests.nats_server import NatsServer


@pytest.fixture
def house(nats_server: NatsServer, bus: Bus, streams: StreamLimits) -> Iterator[House]:
    """A nats-server with our streams, and two processors."""
    processors = {name: RunningProcessor() for name in ("default", "fallback")}
    yield House(bus, nats_server.url, processors)
    for processor in processors.values():
        processor.kill()
