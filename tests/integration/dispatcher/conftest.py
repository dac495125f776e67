"""Misbehaving processors on free ports, and the two transports that must lead to the same outcomes."""

import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from services.dispatcher.adapters.processor_api import ProcessorApi, Transport
from services.dispatcher.adapters.transport import ProcessorTransport
from tests.integration.dispatcher.misbehaving import PATIENT_S, ApiFor, MisbehavingServer, Script, Serve, closes
from tests.integration.dispatcher.stock import StockTransport


@pytest.fixture
async def misbehaving_server() -> AsyncIterator[Serve]:
    """Give a starter of servers, each of which listens once it was awaited."""
    servers: list[MisbehavingServer] = []

    async def serve(
        post: Script = closes,
        get: Script = closes,
        at_once: Script | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> MisbehavingServer:
        servers.append(MisbehavingServer(post, get, at_once, tls))
        await servers[-1].start()
        return servers[-1]

    yield serve
    for server in servers:
        await server.stop()


@pytest.fixture(params=["ours", "stock"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    """Give our transport, and httpx's own."""
    made = ProcessorTransport(idle_max=16) if request.param == "ours" else StockTransport()
    async with aclosing(made):
        yield made


@pytest.fixture
def api_for(transport: Transport) -> ApiFor:
    """Make the client of one processor: `api_for(server.url)`."""

    def make(url: str, call_timeout_s: float = PATIENT_S, health_timeout_s: float = PATIENT_S) -> ProcessorApi:
        return ProcessorApi(url, transport, call_timeout_s=call_timeout_s, health_timeout_s=health_timeout_s)

    return make
