"""Fixtures for tests of every kind: a real nats-server, a bus connected to it, and the streams on it."""

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.bus.jetstream.streams import StreamLimits, ensure_streams
from services.bus.wire.connection import Bus
from tests.nats_server import NatsServer

# Large enough that only a test of a limit reaches them.
LIMITS = StreamLimits(backlog_max=100_000, idempotency_window_s=600, settlements_bytes_max=1 << 28, lease_s=10)


def pytest_configure() -> None:
    """Let SIGINT interrupt programs that tests start, although a background shell makes them ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A ready nats-server with an empty store."""
    server = NatsServer(tmp_path / "nats").start()
    yield server
    server.stop()


@pytest_asyncio.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A connected bus; closed at the end, whatever the server's state."""
    connected = await Bus.connect(nats_server.url, "test")
    yield connected
    await connected.close()


@pytest_asyncio.fixture
async def streams(bus: Bus) -> StreamLimits:
    """All streams, created with these limits."""
    await ensure_streams(bus, LIMITS)
    return LIMITS
