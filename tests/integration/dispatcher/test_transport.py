"""The transport by itself: which httpx exception means what, and that it is an httpx transport like any other."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
from pyreqwest import exceptions

from services.dispatcher.adapters.transport import PyreqwestTransport, _httpx_error
from tests.integration.dispatcher.misbehaving import (
    PATIENT_S,
    SHORT_S,
    Script,
    Serve,
    answer,
    closes,
    hangs,
    resets,
    says,
    sends,
)

AMBIGUOUS = (httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Give httpx's own client over our transport."""
    transport = PyreqwestTransport(timeout_s=PATIENT_S, idle_max=4)
    async with httpx.AsyncClient(transport=transport, timeout=PATIENT_S) as made:
        yield made


async def test_httpx_client_works_over_it(client: httpx.AsyncClient, misbehaving_server: Serve) -> None:
    """Status, headers and body are httpx's, and the request's own headers and body arrive."""
    server = await misbehaving_server(says(201, b'{"a":1}', "X-One: 1", "X-Two: a", "X-Two: b"))
    response = await client.post(f"{server.url}/path?q=1", content=b"body")
    assert (response.status_code, response.json()) == (201, {"a": 1})
    assert response.headers.get_list("x-two") == ["a", "b"]
    assert (server.seen[0].path, server.seen[0].body) == ("/path?q=1", b"body")


async def test_refused_connection_is_a_connect_error(client: httpx.AsyncClient) -> None:
    """The one exception that says that nothing was sent."""
    with socket.socket() as bound_but_deaf:
        bound_but_deaf.bind(("127.0.0.1", 0))
        with pytest.raises(httpx.ConnectError):
            await client.post(f"http://127.0.0.1:{bound_but_deaf.getsockname()[1]}")


@pytest.mark.parametrize(
    "post", [closes, resets, sends(b"garbage\r\n\r\n", then_close=True), sends(answer(200, b"1")[:-1], then_close=True)]
)
async def test_broken_answer_is_ambiguous(post: Script, client: httpx.AsyncClient, misbehaving_server: Serve) -> None:
    """Once connected, nothing that goes wrong is called a connect error."""
    server = await misbehaving_server(post)
    with pytest.raises(AMBIGUOUS):
        await client.post(server.url)


@pytest.mark.parametrize("at_once", [closes, resets])
async def test_unread_request_is_ambiguous(
    at_once: Script, client: httpx.AsyncClient, misbehaving_server: Serve
) -> None:
    """That the server read nothing is not known on this side."""
    server = await misbehaving_server(at_once=at_once)
    with pytest.raises(AMBIGUOUS):
        await client.post(server.url)


@pytest.mark.parametrize("post", [hangs, sends(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n123")])
async def test_timeout_is_a_read_timeout(post: Script, client: httpx.AsyncClient, misbehaving_server: Serve) -> None:
    """The request's own timeout bounds the whole call, to the last byte of the answer."""
    server = await misbehaving_server(post)
    with pytest.raises(httpx.ReadTimeout):
        await client.post(server.url, timeout=SHORT_S)


async def test_call_under_way_at_the_close_is_ambiguous(misbehaving_server: Serve) -> None:
    """Giving the pool up ends a call, but says nothing about what became of its request."""
    server = await misbehaving_server(hangs)
    transport = PyreqwestTransport(timeout_s=SHORT_S, idle_max=1)
    call = asyncio.create_task(transport.handle_async_request(httpx.Request("POST", server.url)))
    await server.was_asked.wait()
    await transport.aclose()
    with pytest.raises(AMBIGUOUS):
        await call


async def test_unencrypted_answer_to_tls_is_a_connect_error(
    client: httpx.AsyncClient, misbehaving_server: Serve
) -> None:
    """A handshake that fails has carried nothing of the request."""
    server = await misbehaving_server(at_once=sends(b"HTTP/1.1 400 Bad\r\n\r\n", then_close=True))
    with pytest.raises(httpx.ConnectError):
        await client.post(server.url.replace("http:", "https:"))
    assert server.post_count == 0


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConnectError("connection error", {"causes": None}),
        exceptions.ConnectError("client error (Connect)", {"causes": []}),
        exceptions.ConnectError("x", {"causes": [{"message": "client error (SendRequest)"}]}),
        exceptions.ConnectError("x", {"causes": [{"message": "client error (Connect) and more"}]}),
        exceptions.ConnectTimeoutError("x", {"causes": [{"message": "client error (Connect)"}]}),
        exceptions.RequestError("x", {"causes": [{"message": "client error (Connect)"}]}),
        exceptions.ClientClosedError("x", {"causes": None}),
        exceptions.RequestPanicError("x", {"causes": None}),
        exceptions.PyreqwestError("x"),
        ConnectionRefusedError("x"),
        RuntimeError("x"),
    ],
    ids=repr,
)
def test_exception_without_proof_is_ambiguous(error: Exception) -> None:
    """A kind of exception that is new, or lacks the proof, never says that nothing was sent."""
    assert isinstance(_httpx_error(error, httpx.Request("POST", "http://127.0.0.1")), AMBIGUOUS)
