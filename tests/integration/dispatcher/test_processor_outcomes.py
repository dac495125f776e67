"""What each reply to a charge means: on a socket that misbehaves, our transport and the stock one agree."""

import json
import socket
from datetime import UTC, datetime

import pytest

from services.dispatcher.core.outcome import Booked, NotBooked, Refused, Unknown
from tests.integration.dispatcher.misbehaving import (
    SHORT_S,
    ApiFor,
    Script,
    Serve,
    answer,
    closes,
    dribbles,
    full_listener,
    hangs,
    resets,
    says,
    sends,
)

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
NOW = datetime(2025, 7, 15, 12, 34, 56, 789_000, tzinfo=UTC)
CHUNKED_AND_CUT = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"


def is_misconfigured(outcome: object) -> bool:
    """Return whether no payment succeeds there."""
    return isinstance(outcome, NotBooked) and outcome.misconfigured


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_complete_2xx_is_booked(status: int, misbehaving_server: Serve, api_for: ApiFor) -> None:
    """A complete 2xx is final: no look-up follows."""
    server = await misbehaving_server(says(status) if status != 204 else sends(b"HTTP/1.1 204 None\r\n\r\n"))
    assert await api_for(server.url).charge(ID, 1990, NOW) == Booked(None)
    assert [one.method for one in server.seen] == ["POST"]


async def test_request_is_what_a_processor_expects(misbehaving_server: Serve, api_for: ApiFor) -> None:
    """The amount is a decimal and the stamp the one given, in UTC with milliseconds."""
    server = await misbehaving_server(says(200))
    await api_for(server.url).charge(ID, 1990, NOW)
    assert server.seen[0].path == "/payments"
    expected = {"correlationId": ID, "amount": 19.9, "requestedAt": "2025-07-15T12:34:56.789Z"}
    assert json.loads(server.seen[0].body) == expected


@pytest.mark.parametrize(
    "post",
    [
        pytest.param(dribbles(answer(200, b'{"message":"done"}')), id="byte by byte"),
        pytest.param(sends(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(200)), id="100-continue first"),
        pytest.param(says(200, b"\x1f\x8bno", "Content-Encoding: gzip"), id="not really gzip"),
        pytest.param(says(200, b"not JSON"), id="not JSON"),
        pytest.param(sends(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), id="then closes"),
    ],
)
async def test_odd_but_complete_2xx_is_booked(post: Script, misbehaving_server: Serve, api_for: ApiFor) -> None:
    """What is complete counts, however it arrived and whatever its body is."""
    server = await misbehaving_server(post)
    assert await api_for(server.url).charge(ID, 1990, NOW) == Booked(None)


@pytest.mark.parametrize(
    "post",
    [
        pytest.param(closes, id="reads, then closes"),
        pytest.param(resets, id="reads, then resets"),
        pytest.param(sends(b"HTTP/1.1 200 OK\r\nContent-Le", then_close=True), id="half a head"),
        pytest.param(sends(answer(200, b"12345")[:-1], then_close=True), id="content-length too short"),
        pytest.param(sends(CHUNKED_AND_CUT, then_close=True), id="chunked, cut"),
        pytest.param(sends(b"\x00\xff\x00 what is this\r\n\r\n", then_close=True), id="garbage"),
        pytest.param(says(200, b"x" * 1_000_000), id="huge body"),
        pytest.param(says(502), id="502"),
        pytest.param(says(504), id="504"),
        pytest.param(says(599), id="599"),
    ],
)
async def test_unclear_end_is_unknown(post: Script, misbehaving_server: Serve, api_for: ApiFor) -> None:
    """An outcome that is not certain is Unknown, and the request was sent exactly once."""
    server = await misbehaving_server(post, get=says(404))
    assert isinstance(await api_for(server.url).charge(ID, 1990, NOW), Unknown)
    assert [one.method for one in server.seen] == ["POST"]


@pytest.mark.parametrize("at_once", [closes, resets])
async def test_connection_closed_unread_is_unknown(at_once: Script, misbehaving_server: Serve, api_for: ApiFor) -> None:
    """A connection that was established is not a refused one, even if the server never read from it."""
    server = await misbehaving_server(at_once=at_once)
    assert isinstance(await api_for(server.url).charge(ID, 1990, NOW), Unknown)
    assert server.connections == 1


@pytest.mark.parametrize(
    "post",
    [
        pytest.param(hangs, id="no answer"),
        pytest.param(sends(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n123"), id="half an answer"),
    ],
)
async def test_timeout_is_unknown(post: Script, misbehaving_server: Serve, api_for: ApiFor) -> None:
    """An answer that does not come, or not completely, within the call's timeout shows nothing."""
    server = await misbehaving_server(post)
    assert isinstance(await api_for(server.url, SHORT_S).charge(ID, 1990, NOW), Unknown)
    assert server.post_count == 1


async def test_refused_connection_is_not_booked(api_for: ApiFor) -> None:
    """If nothing listens, nothing was sent."""
    with socket.socket() as bound_but_deaf:
        bound_but_deaf.bind(("127.0.0.1", 0))
        outcome = await api_for(f"http://127.0.0.1:{bound_but_deaf.getsockname()[1]}").charge(ID, 1990, NOW)
    assert isinstance(outcome, NotBooked)
    assert not outcome.misconfigured


async def test_connect_that_times_out_is_not_booked(api_for: ApiFor) -> None:
    """If no connection was established in time, nothing was sent either."""
    with full_listener() as url:
        outcome = await api_for(url, SHORT_S).charge(ID, 1990, NOW)
    assert isinstance(outcome, NotBooked)
    assert not outcome.misconfigured


async def test_429_is_not_booked(misbehaving_server: Serve, api_for: ApiFor) -> None:
    """A processor that is too busy has not accepted the payment, and its address is right."""
    server = await misbehaving_server(says(429, b"", "Retry-After: 1"))
    outcome = await api_for(server.url).charge(ID, 1990, NOW)
    assert isinstance(outcome, NotBooked)
    assert not outcome.misconfigured


@pytest.mark.parametrize("status", [400, 413, 415])
async def test_bad_request_is_refused(status: int, misbehaving_server: Serve, api_for: ApiFor) -> None:
    """What a processor rejects as a bad payment stays rejected, and its text is kept."""
    server = await misbehaving_server(says(status, b"no good"))
    assert await api_for(server.url).charge(ID, 1990, NOW) == Refused(f"{status} no good")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(status: int, misbehaving_server: Serve, api_for: ApiFor) -> None:
    """A payment goes to its processor's URL or nowhere."""
    elsewhere = await misbehaving_server(says(200), says(200))
    server = await misbehaving_server(says(status, b"", f"Location: {elsewhere.url}/payments"))
    assert is_misconfigured(await api_for(server.url).charge(ID, 1990, NOW))
    assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [401, 403, 404, 405, 410])
async def test_other_4xx_is_misconfigured(status: int, misbehaving_server: Serve, api_for: ApiFor) -> None:
    """An address that is not a processor's has charged nothing and never will."""
    server = await misbehaving_server(says(status))
    assert is_misconfigured(await api_for(server.url).charge(ID, 1990, NOW))
