"""A plain payment is answered as Sanic would answer it, whatever the result; here with a scripted flow."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from services.contracts.events import PaymentSettled
from services.contracts.money import Cents
from services.ingress.adapters.connections import Connections
from services.ingress.adapters.http_api import http_app
from services.ingress.adapters.http_guard import HttpGuard
from services.ingress.adapters.http_server import HttpServer
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import Accepted, AmountDiffers, NotYet, Replayed, Standing, TryLater
from services.ingress.core.guard import Access, Guard
from services.ingress.core.meter import Meter
from services.settings.tcp_address import TcpAddress
from tests.integration.ingress.ingress_process import free_port, new_id, payment
from tests.nats_server import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

ID = new_id()
NOON = datetime(2025, 7, 15, 12, tzinfo=UTC)
ORIGINAL = Standing(PaymentSettled(ID, Cents(1990), "default", NOON, NOON, 1))
BODY = json.dumps(payment(ID)).encode()
OF_SANIC = "Connection: keep-alive\r\n"  # given explicitly, which makes a request not plain


class ScriptedFlow:
    """A flow that ends as the test sets."""

    def __init__(self) -> None:
        self.end: Any = Accepted(ID)
        self.bodies: list[bytes] = []
        self.is_waited_for, self.given_up = asyncio.Event(), asyncio.Event()

    async def accept(self, body: bytes, traceparent: str | None = None) -> Any:
        """Record the body; end as set, or not at all."""
        self.bodies.append(body)
        if isinstance(self.end, Exception):
            raise self.end
        if self.end is None:
            await asyncio.Event().wait()
        return self.end

    async def final(self, payment_id: str, within_s: float) -> Any:
        """Wait for all of that time, or until it is cancelled."""
        self.is_waited_for.set()
        try:
            await asyncio.sleep(within_s)
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        return NotYet()


FLOW = ScriptedFlow()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port() -> AsyncIterator[int]:
    """A server with it. One for all tests: Sanic rewrites its own code at a start, and cannot do it twice."""
    address = TcpAddress("127.0.0.1", free_port())
    meter = Meter()
    guard = HttpGuard(Guard(Access.OPEN), meter)
    app = http_app(FLOW, FLOW, meter, guard, processor_names=["default"])  # type: ignore[arg-type]
    guard.install(app)
    app.config.RESPONSE_TIMEOUT = 0.5
    server = await HttpServer.start(app, address, Connections(16, 16), reuse_port=False)
    yield address.port
    await server.stop()


@pytest.fixture
def flow(port: int) -> ScriptedFlow:
    """The flow, as at first."""
    FLOW.end, FLOW.bodies = Accepted(ID), []
    return FLOW


async def answer(port: int, headers: str) -> tuple[list[str], bytes]:
    """Pay; return status line and headers, in an order of their own, and the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_S):
            head = f"POST /payments HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n{headers}\r\n"
            writer.write(head.encode() + BODY)
            raw = await reader.readuntil(b"\r\n\r\n")
            lines = sorted(line.lower() for line in raw.decode().split("\r\n") if line)
            length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
            body = await reader.readexactly(length)
            if "connection: close" in lines:
                assert await reader.read() == b""
            return lines, body
    finally:
        writer.close()


def of_ours(lines: list[str]) -> list[str]:
    """Leave out what only Sanic sends: how long it keeps a connection, and an empty Alt-Svc."""
    return [line for line in lines if not line.startswith(("keep-alive:", "alt-svc:"))]


ENDS: dict[str, Callable[[], Any]] = {
    "accepted": lambda: Accepted(ID),
    "replayed": lambda: Replayed(ORIGINAL),
    "amount_differs": lambda: AmountDiffers(ORIGINAL),
    "rejected": lambda: Rejected(400, "not_json", "body: \N{SNOWMAN}"),
    "too_large": lambda: Rejected(413, "body_too_large", "body: too large"),
    "try_later": lambda: TryLater("nats_away", "not stored"),
    "a_bug": lambda: ZeroDivisionError("a bug"),
    "no_end": lambda: None,
}


@pytest.mark.parametrize("end", ENDS)
async def test_both_paths_answer_alike(flow: ScriptedFlow, port: int, end: str) -> None:
    """Status, headers, body, and whether the connection stays."""
    flow.end = ENDS[end]()
    plain, body = await answer(port, "")
    of_sanic, same_body = await answer(port, OF_SANIC)
    assert (of_ours(plain), body) == (of_ours(of_sanic), same_body)
    assert flow.bodies == [BODY, BODY]


async def test_no_end_is_503_in_time_and_closes(flow: ScriptedFlow, port: int) -> None:
    """RESPONSE_TIMEOUT applies to plain payments too; it may be stored or not, and the answer says so."""
    flow.end = None
    lines, body = await answer(port, "")
    assert "http/1.1 503 service unavailable" in lines
    assert "connection: close" in lines
    assert json.loads(body)["error"] == "no_answer_in_time"


async def test_a_wait_may_take_longer_than_any_other_answer(flow: ScriptedFlow, port: int) -> None:
    """Four times RESPONSE_TIMEOUT here; the next request on the connection has the usual time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /payments HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n"
    async with asyncio.timeout(PATIENCE_S):
        writer.write(f"{head}Prefer: wait=2\r\n\r\n".encode() + BODY)
        waited = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert waited.startswith("http/1.1 202 accepted\r\n")
        assert "preference-applied: wait=2\r\n" in waited
        assert "connection: keep-alive\r\n" in waited
        await reader.readexactly(len(json.dumps({"correlationId": ID, "status": "accepted"}, separators=(",", ":"))))
        flow.end = None
        writer.write(f"{head}{OF_SANIC}\r\n".encode() + BODY)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 503 ")
    writer.close()


async def test_after_a_client_hangs_up_its_wait_ends(flow: ScriptedFlow, port: int) -> None:
    """The payment is stored anyway; the place is free again."""
    flow.is_waited_for.clear()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /payments HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\nPrefer: wait=30\r\n\r\n"
    writer.write(head.encode() + BODY)
    async with asyncio.timeout(PATIENCE_S):
        await flow.is_waited_for.wait()
        writer.close()
        await flow.given_up.wait()
    assert flow.bodies == [BODY]


async def test_a_bug_is_500_and_the_connection_stays_usable(
    flow: ScriptedFlow, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and it is not the client's fault."""
    flow.end = ZeroDivisionError("a bug")
    lines, body = await answer(port, "")
    assert "http/1.1 500 internal server error" in lines
    assert "connection: keep-alive" in lines
    assert json.loads(body)["error"] == "fault"
    assert "ingress.fault" in caplog.messages


async def test_plain_payments_on_one_connection_are_answered_in_order(flow: ScriptedFlow, port: int) -> None:
    """Sent all at once, before the first was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = b"POST /payments HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    bodies = [b"%d" % number for number in range(50)]
    writer.write(b"".join(request % len(body) + body for body in bodies))
    async with asyncio.timeout(PATIENCE_S):
        for _ in bodies:
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 202 Accepted\r\n")
            await reader.readexactly(
                len(json.dumps({"correlationId": ID, "status": "accepted"}, separators=(",", ":")))
            )
    writer.close()
    assert flow.bodies == bodies
