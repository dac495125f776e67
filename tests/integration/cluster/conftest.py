"""A cluster of three for a whole module, whole again after each test, and a connection to it with all streams."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from sandbox.stack.plan.ports import free
from services.bus.jetstream.make_streams import make_streams
from services.bus.wire.connection import Bus
from tests.integration.bus.conftest import start_task
from tests.nats_cluster import THREE, NatsCluster, all_current

__all__ = ["bus", "cluster", "running", "start_task"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    """Three servers."""
    cluster = NatsCluster(tmp_path_factory.mktemp("cluster")).start()
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(running: NatsCluster) -> Iterator[NatsCluster]:
    """Three servers, all of which run again afterwards."""
    yield running
    for server in running.servers.values():
        if not server.is_running:
            server.start()


@pytest_asyncio.fixture
async def bus(cluster: NatsCluster) -> AsyncIterator[Bus]:
    """A connection to any of them; one of the addresses has no server."""
    connected = await Bus.connect(f"nats://127.0.0.1:{free(1)[0]},{cluster.url}", "test", replicas=3)
    await make_streams(connected, THREE)
    await all_current(connected)
    yield connected
    await connected.close()
