"""One closed server for the tests of this folder, with the streams and the consumer as services create them."""

from collections.abc import Iterator

import pytest
import pytest_asyncio

from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.jetstream.streams import ensure_streams
from tests.conftest import LIMITS
from tests.integration.access.closed_server import ClosedServer


@pytest_asyncio.fixture
async def closed(server_of_module: ClosedServer) -> ClosedServer:
    """The server with its streams."""
    ledger, dispatcher = await server_of_module.bus("ledger"), await server_of_module.bus("dispatcher")
    try:
        await ensure_streams(ledger, LIMITS)
        await ensure_dispatcher(dispatcher, ack_wait_s=30)
    finally:
        await ledger.close()
        await dispatcher.close()
    return server_of_module


@pytest.fixture(scope="module")
def server_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClosedServer]:
    """The server."""
    closed = ClosedServer(tmp_path_factory.mktemp("closed"))
    closed.server.start()
    yield closed
    closed.server.stop()
