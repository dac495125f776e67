"""Calls over TLS: what may have been sent is Unknown, and credentials go to their processor alone."""

import asyncio
from contextlib import aclosing

import pytest

from services.access.processor_access import ProcessorCredentials
from services.dispatcher.adapters.processor_api import HealthAnswer, HealthUnread
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.outcome import Absent, Booked, LookupFailed, NotBooked, Unknown
from tests.integration.dispatcher.misbehaving import (
    SHORT_S,
    Line,
    Script,
    Serve,
    answer,
    closes,
    hangs,
    resets,
    says,
    sends,
)
from tests.integration.dispatcher.stock import StockTransport
from tests.integration.dispatcher.tls_side import HEADERS, HEALTH, ID, NOW, WORD, Charge, Side, api_of

both = pytest.mark.parametrize("kind", ["ours", "stock"])


async def test_a_charge_goes_over_tls_on_a_connection_that_is_kept(
    misbehaving_server: Serve, side: Side, charge: Charge, tls_transport: ProcessorTransport
) -> None:
    """By IP address and by name; there is one handshake."""
    server = await misbehaving_server(says(200), tls=side.server())
    api = api_of(server.url, tls_transport, side.ours())
    for _ in range(5):
        assert await api.charge(ID, 1990, NOW) == Booked(None)
    assert (server.connections, server.post_count) == (1, 5)
    assert await charge(server.url.replace("127.0.0.1", "localhost")) == Booked(None)


@both
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(closes, id="reads, then closes"),
        pytest.param(resets, id="reads, then resets"),
        pytest.param(sends(b"HTTP/1.1 200 OK\r\nContent-Le", then_close=True), id="half a head"),
        pytest.param(sends(answer(200, b"12345")[:-1], then_close=True), id="half a body"),
        pytest.param(sends(b"HTTP/1.1 200 OK\r\n\r\n", then_close=True), id="a body up to the end"),
    ],
)
async def test_an_end_in_the_middle_of_an_answer_is_unknown(
    script: Script, kind: str, misbehaving_server: Serve, side: Side, request: pytest.FixtureRequest
) -> None:
    """With TLS or without: the request was sent."""
    if kind == "stock" and "up to the end" in request.node.name:
        request.applymarker(pytest.mark.xfail(strict=True, reason="httpx takes the end of a connection for a body's"))
    server = await misbehaving_server(script, tls=side.server())
    made = ProcessorTransport(idle_max=1) if kind == "ours" else StockTransport(side.ours())
    async with aclosing(made):
        assert isinstance(await api_of(server.url, made, side.ours()).charge(ID, 1990, NOW), Unknown)
    assert server.post_count == 1


async def test_an_answer_that_does_not_come_is_unknown(
    misbehaving_server: Serve, side: Side, tls_transport: ProcessorTransport
) -> None:
    """If the timeout comes after the handshake, the request was sent."""

    async def answers_once(line: Line) -> None:
        await (line.send(answer(200)) if line.turn == 1 else hangs(line))

    server, tls = await misbehaving_server(answers_once, tls=side.server()), side.ours()
    assert await api_of(server.url, tls_transport, tls).charge(ID, 1990, NOW) == Booked(None)
    assert isinstance(await api_of(server.url, tls_transport, tls, SHORT_S).charge(ID, 1990, NOW), Unknown)
    assert server.connections == 1


async def test_an_answer_on_an_idle_connection_is_dropped(
    misbehaving_server: Serve, side: Side, tls_transport: ProcessorTransport
) -> None:
    """Over TLS too."""
    said = asyncio.Event()

    async def answers_twice(line: Line) -> None:
        await line.send(answer(429))
        if line.turn == 1 and server.connections == 1:
            await line.send(answer(200))
            said.set()

    server = await misbehaving_server(answers_twice, tls=side.server())
    api = api_of(server.url, tls_transport, side.ours())
    assert isinstance(await api.charge(ID, 1990, NOW), NotBooked)
    await said.wait()
    assert isinstance(await api.charge(ID, 1990, NOW), NotBooked)
    assert server.connections == 2


async def test_credentials_go_with_every_call_to_that_processor_alone(
    misbehaving_server: Serve, side: Side, tls_transport: ProcessorTransport
) -> None:
    """With the charge, the look-up and the health call; another processor on the same transport gets none of it."""
    wants = await misbehaving_server(says(500), says(404), tls=side.server())
    other = await misbehaving_server(says(500), says(404), tls=side.server())
    for server, headers in ((wants, HEADERS), (other, ())):
        api = api_of(server.url, tls_transport, side.ours(), credentials=ProcessorCredentials(headers))
        await api.charge(ID, 1990, NOW)
        await api.health()
    header = f"Authorization: Bearer {WORD}"
    assert [header in each.headers for each in wants.seen] == [True] * 3
    assert WORD not in str(other.seen)


async def test_a_redirect_is_not_followed(
    misbehaving_server: Serve, side: Side, tls_transport: ProcessorTransport
) -> None:
    """Neither the payment nor the credentials go where the processor redirects to."""
    other = await misbehaving_server(says(200), says(200, HEALTH), tls=side.server())
    moved = says(307, b"", f"Location: {other.url}/payments")
    server = await misbehaving_server(moved, moved, tls=side.server())
    api = api_of(server.url, tls_transport, side.ours(), credentials=ProcessorCredentials(HEADERS))
    outcome = await api.charge(ID, 1990, NOW)
    assert isinstance(outcome, NotBooked)
    assert outcome.misconfigured
    assert isinstance(await api.look_up(ID), LookupFailed)
    assert isinstance(await api.health(), HealthUnread)
    assert other.connections == 0


@pytest.mark.parametrize("status", [401, 403])
async def test_missing_credentials_are_not_booked_and_misconfigured(
    status: int, misbehaving_server: Serve, side: Side, tls_transport: ProcessorTransport
) -> None:
    """And the detail quotes the processor's answer without them, up to where it is cut."""
    said = f"{'x' * 180} not Bearer {WORD}".encode()  # cut within it
    server = await misbehaving_server(says(status, said), says(status, said), tls=side.server())
    api = api_of(server.url, tls_transport, side.ours(), credentials=ProcessorCredentials(HEADERS))
    outcome, lookup, health = await api.charge(ID, 1990, NOW), await api.look_up(ID), await api.health()
    assert isinstance(outcome, NotBooked)
    assert outcome.misconfigured
    assert isinstance(lookup, LookupFailed)
    assert isinstance(health, HealthUnread)
    for detail in (outcome.detail, lookup.detail, health.detail):
        assert detail.startswith(str(status))
        assert "s3cr" not in detail


async def test_a_lookup_over_tls_is_read_as_over_tcp(
    misbehaving_server: Serve, side: Side, tls_transport: ProcessorTransport
) -> None:
    """Absent is a complete 404 of the processor; another server's is not accepted."""
    server = await misbehaving_server(closes, says(404), tls=side.server())
    assert await api_of(server.url, tls_transport, side.ours()).look_up(ID) == Absent()
    strange = await misbehaving_server(closes, says(404), tls=side.server(side.other.issue("server")))
    assert isinstance(await api_of(strange.url, tls_transport, side.ours()).look_up(ID), LookupFailed)
    well = await misbehaving_server(closes, says(200, HEALTH), tls=side.server())
    assert await api_of(well.url, tls_transport, side.ours()).health() == HealthAnswer(
        failing=False, min_response_time_ms=7
    )
