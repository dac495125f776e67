"""GET /metrics over a real socket: what is answered, what is rejected, and which connections are closed."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable

import httpx
import pytest
import pytest_asyncio

from services.metrics import server
from services.metrics.metric import Metric, counter
from services.metrics.server import Metrics, served_metrics
from services.settings.environment import SettingError
from services.settings.tcp_address import TcpAddress
from services.version import VERSION
from tests.nats_server import PATIENCE_S, until
from tests.scraped import Scraped

HEAD_MAX = server.REQUEST_BYTES_MAX


def free_address() -> TcpAddress:
    """Return an address on which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return TcpAddress("127.0.0.1", probe.getsockname()[1])


async def seven() -> Iterable[Metric]:
    """Return one metric."""
    return [counter("tarifa_things_total", "Things.", 7)]


@pytest.fixture
def address() -> TcpAddress:
    """Where this test's metrics are."""
    return free_address()


@pytest_asyncio.fixture
async def metrics(address: TcpAddress) -> AsyncIterator[Metrics]:
    """Metrics of a source, served."""
    async with served_metrics(address, "test") as served:
        served.add(seven)
        yield served


async def asked(address: TcpAddress, method: str, path: str, body: bytes = b"") -> httpx.Response:
    """Ask once."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        return await http.request(method, f"http://{address}{path}", content=body)


async def said(address: TcpAddress, request: bytes) -> bytes:
    """Return everything that is sent back for these bytes, until the connection ends."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(request)
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_a_scrape_gets_the_metrics_of_the_sources(address: TcpAddress, metrics: Metrics) -> None:
    """With a query or without; the process's own metrics are included."""
    for path in ("/metrics", "/metrics?debug=1"):
        answer = await asked(address, "GET", path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        scraped = Scraped(answer.text)
        assert scraped.value("tarifa_things_total") == 7
        assert scraped.value("tarifa_service_info", service="test", version=VERSION) == 1


async def test_a_head_gets_the_length_and_no_body(address: TcpAddress, metrics: Metrics) -> None:
    """As HTTP defines it."""
    answer = await asked(address, "HEAD", "/metrics")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 100


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/metricsx", 404),
        ("HEAD", "/healthz", 404),
        ("POST", "/payments", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/metrics", 405),
    ],
)
async def test_nothing_else_is_here(address: TcpAddress, metrics: Metrics, method: str, path: str, status: int) -> None:
    """No other path, and no method that would change anything."""
    answer = await asked(address, method, path, b"x" if method == "POST" else b"")
    assert answer.status_code == status
    assert answer.headers.get("allow") == ("GET, HEAD" if status == 405 else None)


@pytest.mark.parametrize(
    ("request_", "status"),
    [(b"nonsense\r\n\r\n", b"400"), (b"GET /metrics HTTP/1.1\r\nx: " + b"y" * HEAD_MAX + b"\r\n\r\n", b"431")],
)
async def test_an_invalid_or_too_long_request_is_rejected(
    address: TcpAddress, metrics: Metrics, request_: bytes, status: bytes
) -> None:
    """And the connection ends."""
    assert (await said(address, request_)).startswith(b"HTTP/1.1 " + status)


async def test_a_client_that_does_not_finish_its_request_is_cut_off(
    address: TcpAddress, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a request holds a connection only for so long, and others are answered meanwhile."""
    monkeypatch.setattr(server, "EXCHANGE_TIMEOUT_S", 0.2)
    slow = asyncio.create_task(said(address, b"GET /metrics HTTP/1.1\r\n"))
    assert (await asked(address, "GET", "/")).status_code == 404
    assert await slow == b""


async def test_a_client_that_does_not_read_is_cut_off(
    address: TcpAddress, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is not read is dropped."""
    monkeypatch.setattr(server, "EXCHANGE_TIMEOUT_S", 0.2)

    async def much() -> Iterable[Metric]:
        return [counter("tarifa_much_total", "x" * 20_000_000, 1)]

    metrics.add(much)
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        lazy.connect((address.host, address.port))
        lazy.send(b"GET /metrics HTTP/1.1\r\n\r\n")
        await asyncio.sleep(0.5)  # longer than it may take; the loop continues
        lazy.settimeout(PATIENCE_S)
        taken = await asyncio.to_thread(_all, lazy)
    assert 0 < taken < 20_000_000


def _all(connection: socket.socket) -> int:
    taken = 0
    try:
        while part := connection.recv(65_536):
            taken += len(part)
    except ConnectionResetError:
        pass
    return taken


async def test_excess_connections_are_refused_and_a_later_scrape_succeeds(
    address: TcpAddress, metrics: Metrics
) -> None:
    """Only so many connections are open at once; when they are closed there is room again."""
    crowd = [await asyncio.open_connection(address.host, address.port) for _ in range(server.CONNECTIONS_MAX)]
    await asyncio.sleep(0)
    assert await said(address, b"GET /metrics HTTP/1.1\r\n\r\n") == b""
    for _, writer in crowd:
        writer.close()

    async def has_room() -> bool:
        return (await said(address, b"GET /metrics HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200")

    await until(has_room, "a scrape that is answered")


async def test_a_source_with_a_bug_is_a_500_and_a_log_line(
    address: TcpAddress, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    """The service continues, and the next scrape is tried again."""

    async def broken() -> Iterable[Metric]:
        raise ZeroDivisionError

    metrics.add(broken)
    assert (await asked(address, "GET", "/metrics")).status_code == 500
    assert "metrics.fault" in caplog.messages


async def test_a_taken_port_names_the_setting() -> None:
    """The sentence names the variable and the address."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        address = TcpAddress("127.0.0.1", holder.getsockname()[1])
        with pytest.raises(SettingError, match=f"^METRICS_LISTEN is {address}, which cannot be listened on: "):
            async with served_metrics(address, "test"):
                raise AssertionError("it was served")


async def test_after_the_end_nothing_listens(address: TcpAddress) -> None:
    """The port is free again, and connections are closed."""
    async with served_metrics(address, "test"):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        await asked(address, "GET", "/metrics")
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    with pytest.raises(httpx.ConnectError):
        await asked(address, "GET", "/metrics")


async def test_without_an_address_nothing_is_asked() -> None:
    """Metrics are off by default, without a special case in services."""
    async with served_metrics(None, "test") as metrics:
        metrics.add(seven)
