"""Misbehaving processors on free ports, and two transports that must have the same outcomes."""

import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from pathlib import Path

import pytest

from services.dispatcher.adapters.processor_api import ProcessorApi, Transport
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.outcome import Outcome
from tests.certificates import Authority
from tests.integration.dispatcher.misbehaving import (
    PATIENT_S,
    ApiFor,
    MisbehavingServer,
    Script,
    Serve,
    closes,
)
from tests.integration.dispatcher.stock import StockTransport
from tests.integration.dispatcher.tls_side import ID, NOW, Charge, Side, api_of
from tests.unit.dispatcher.fake_processor import registered


@pytest.fixture
async def misbehaving_server() -> AsyncIterator[Serve]:
    """Provide a starter of servers, each of which listens once it was awaited."""
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
    """Provide our transport, and httpx's own."""
    made = ProcessorTransport(idle_max=16) if request.param == "ours" else StockTransport()
    async with aclosing(made):
        yield made


@pytest.fixture
def api_for(transport: Transport) -> ApiFor:
    """Make the client of one processor: `api_for(server.url)`."""

    def make(url: str, call_timeout_s: float = PATIENT_S, health_timeout_s: float = PATIENT_S) -> ProcessorApi:
        return ProcessorApi(
            registered(url=url), transport, call_timeout_s=call_timeout_s, health_timeout_s=health_timeout_s
        )

    return make


@pytest.fixture
def side(tmp_path: Path) -> Side:
    """Provide two authorities, of which we know one."""
    return Side(Authority(tmp_path / "known"), Authority(tmp_path / "other", "Another"))


@pytest.fixture
async def tls_transport() -> AsyncIterator[ProcessorTransport]:
    """Provide our transport, for processors over TLS."""
    async with aclosing(ProcessorTransport(idle_max=4)) as made:
        yield made


@pytest.fixture
def charge(tls_transport: ProcessorTransport, side: Side) -> Charge:
    """Charge the one payment of these tests."""

    def once(url: str, tls: ssl.SSLContext | None = None, timeout_s: float = PATIENT_S) -> Awaitable[Outcome]:
        return api_of(url, tls_transport, tls or side.ours(), timeout_s).charge(ID, 1990, NOW)

    return once
