"""The transport by itself: which exception means what, and which call gets an answer."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import httpx
import pytest

from services.access.processor_access import verifying
from services.dispatcher.adapters.connection import HttpAnswer
from services.dispatcher.adapters.transport import ProcessorTransport, origin_of
from tests.integration.dispatcher.misbehaving import (
    PATIENT_S,
    SHORT_S,
    Line,
    Script,
    Serve,
    answer,
    closes,
    full_listener,
    hangs,
    resets,
    says,
    sends,
)

AMBIGUOUS = (httpx.ReadError, httpx.ReadTimeout)

Post = Callable[..., Awaitable[HttpAnswer]]


def post_to(url: str, transport: ProcessorTransport, timeout_s: float = PATIENT_S) -> Awaitable[HttpAnswer]:
    """Send a POST."""
    to, tls = httpx.URL(url), verifying(None) if url.startswith("https") else None
    wire = b"POST %b HTTP/1.1\r\nHost: %b\r\ncontent-length: 4\r\n\r\nbody" % (to.raw_path, to.netloc)
    return transport.exchange(origin_of(to, tls), wire, timeout_s)


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    """Provide `post(url, timeout_s)` on one transport."""
    async with aclosing(ProcessorTransport(idle_max=4)) as transport:

        def send(url: str, timeout_s: float = PATIENT_S) -> Awaitable[HttpAnswer]:
            return post_to(url, transport, timeout_s)

        yield send


async def test_request_and_answer_arrive_whole(post: Post, misbehaving_server: Serve) -> None:
    """Status and body, and the request's own path and body."""
    server = await misbehaving_server(says(201, b'{"a":1}', "X-One: 1"))
    assert (await post(f"{server.url}/path?q=1"))[:2] == (201, b'{"a":1}')
    assert (server.seen[0].path, server.seen[0].body) == ("/path?q=1", b"body")


async def test_refused_connection_is_a_connect_error(post: Post) -> None:
    """One of the two exceptions which mean that nothing was sent."""
    with socket.socket() as bound_but_deaf:
        bound_but_deaf.bind(("127.0.0.1", 0))
        with pytest.raises(httpx.ConnectError):
            await post(f"http://127.0.0.1:{bound_but_deaf.getsockname()[1]}")


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", f"{'a' * 64}.invalid"])
async def test_name_that_cannot_be_resolved_is_a_connect_error(host: str, post: Post) -> None:
    """Without an address nothing is sent either, even if the name cannot be looked up at all."""
    with pytest.raises(httpx.ConnectError):
        await post(f"http://{host}:80")


async def test_connect_that_times_out_is_a_connect_timeout(post: Post) -> None:
    """The other one: the time ran out before there was a connection to write to."""
    with full_listener() as url, pytest.raises(httpx.ConnectTimeout):
        await post(url, SHORT_S)


async def test_tls_handshake_that_times_out_is_a_connect_timeout(post: Post, misbehaving_server: Serve) -> None:
    """What was sent by then belongs to the handshake, and nothing to the request."""
    server = await misbehaving_server(at_once=hangs)
    with pytest.raises(httpx.ConnectTimeout):
        await post(server.url.replace("http:", "https:"), SHORT_S)
    assert server.post_count == 0


@pytest.mark.parametrize(
    "script",
    [closes, resets, sends(b"garbage\r\n\r\n", then_close=True), sends(answer(200, b"1")[:-1], then_close=True)],
)
async def test_broken_answer_is_ambiguous(script: Script, post: Post, misbehaving_server: Serve) -> None:
    """Once connected, no failure is a connect error."""
    server = await misbehaving_server(script)
    with pytest.raises(AMBIGUOUS):
        await post(server.url)


@pytest.mark.parametrize("at_once", [closes, resets])
async def test_unread_request_is_ambiguous(at_once: Script, post: Post, misbehaving_server: Serve) -> None:
    """The server read nothing, but this side does not know it."""
    server = await misbehaving_server(at_once=at_once)
    with pytest.raises(AMBIGUOUS):
        await post(server.url)


@pytest.mark.parametrize("script", [hangs, sends(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n123")])
async def test_timeout_is_a_read_timeout(script: Script, post: Post, misbehaving_server: Serve) -> None:
    """The request's own timeout bounds the whole call, to the last byte of the answer."""
    server = await misbehaving_server(script)
    with pytest.raises(httpx.ReadTimeout):
        await post(server.url, SHORT_S)


async def test_call_under_way_at_the_close_is_ambiguous(misbehaving_server: Serve) -> None:
    """Closing the pool ends a call, but shows nothing about its request."""
    server = await misbehaving_server(hangs)
    transport = ProcessorTransport(idle_max=1)
    call = asyncio.create_task(post_to(server.url, transport))
    await server.was_asked.wait()
    await transport.aclose()
    with pytest.raises(AMBIGUOUS):
        await call


async def test_unencrypted_answer_to_tls_is_a_connect_error(post: Post, misbehaving_server: Serve) -> None:
    """A handshake that fails has sent nothing of the request."""
    server = await misbehaving_server(at_once=sends(b"HTTP/1.1 400 Bad\r\n\r\n", then_close=True))
    with pytest.raises(httpx.ConnectError):
        await post(server.url.replace("http:", "https:"))
    assert server.post_count == 0


async def test_idle_connection_is_closed_before_its_server_closes_it(
    post: Post, misbehaving_server: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that coincides with a closing has an unknown outcome, so ours closes first."""
    monkeypatch.setattr("services.dispatcher.adapters.transport.IDLE_S", 0.1)
    was_closed = asyncio.Event()

    async def answers_and_watches(line: Line) -> None:
        await line.send(answer(200))
        await line.gone()
        was_closed.set()

    server = await misbehaving_server(answers_and_watches)
    await post(server.url)
    async with asyncio.timeout(PATIENT_S / 2):
        await was_closed.wait()
    await post(server.url)
    assert server.connections == 2


async def test_no_more_connections_are_kept_than_allowed(misbehaving_server: Serve) -> None:
    """After a burst the surplus is closed; the others stay in use."""
    server = await misbehaving_server(says(200))
    async with aclosing(ProcessorTransport(idle_max=2)) as transport:
        calls = [post_to(server.url, transport) for _ in range(5)]
        await asyncio.gather(*calls)
        for _ in range(5):
            await asyncio.gather(*(post_to(server.url, transport) for _ in "12"))
    assert server.connections == 5


async def test_what_waits_unread_on_an_idle_connection_is_dropped(post: Post) -> None:
    """The server sent it right before the next call, while our loop had no time to read it."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    calling = asyncio.create_task(post(url))
    accepted, _ = await asyncio.to_thread(listener.accept)
    await asyncio.to_thread(accepted.recv, 65_536)
    accepted.sendall(answer(200))
    await calling
    accepted.sendall(answer(200))  # this blocks the loop, which therefore cannot have read it before the next call
    second = asyncio.create_task(post(url))
    other, _ = await asyncio.to_thread(listener.accept)
    await asyncio.to_thread(other.recv, 65_536)
    other.sendall(answer(429))
    assert (await second).status == 429
    for each in (accepted, other, listener):
        each.close()


async def test_interim_answer_is_not_the_answer(post: Post, misbehaving_server: Serve) -> None:
    """103 and 100 say that something is to come."""
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    server = await misbehaving_server(sends(interim + answer(201, b"x")))
    assert (await post(server.url))[:2] == (201, b"x")


@pytest.mark.parametrize(
    "script",
    [
        sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        sends(b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000),
        sends(b"HTTP/1.1 200 OK\r\n" + b"X-Long: %b\r\n" % (b"x" * 1000) * 70 + b"Content-Length: 0\r\n\r\n"),
        sends(b"HTTP/1.1 200 OK\r\n\r\nwithout a length", then_close=True),
        sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
    ],
)
async def test_answer_without_an_end_is_ambiguous(script: Script, post: Post, misbehaving_server: Serve) -> None:
    """Half a chunk, far too many bytes, no length, another protocol: the outcome is not known."""
    server = await misbehaving_server(script)
    with pytest.raises(AMBIGUOUS):
        await post(server.url, SHORT_S)


async def test_answer_in_chunks_is_read_whole(post: Post, misbehaving_server: Serve) -> None:
    """And its connection is kept."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    server = await misbehaving_server(sends(chunked))
    for _ in range(2):
        assert (await post(server.url))[:2] == (200, b"abcde")
    assert server.connections == 1
