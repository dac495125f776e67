"""Processors over TLS: who is not the processor gets nothing, and what was not certainly unsent is Unknown."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.access.processor_access import NOTHING, Shown, verifying
from services.dispatcher.adapters.processor_api import Health, HealthUnread, ProcessorApi, Transport
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.outcome import Absent, Booked, LookupFailed, NotBooked, Outcome, Unknown
from tests.certificates import DAY, Authority, Pair
from tests.integration.dispatcher.misbehaving import (
    PATIENT_S,
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

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
NOW = datetime(2025, 7, 15, 12, 34, 56, 789_000, tzinfo=UTC)
WORD = "s3cr3t-0123456789"
HEADERS = (("Authorization", f"Bearer {WORD}"),)
HEALTH = b'{"failing":false,"minResponseTime":7}'

both = pytest.mark.parametrize("kind", ["ours", "stock"])


@dataclass
class Side:
    """What the processor's side and ours know each other by."""

    authority: Authority
    other: Authority

    def server(self, pair: Pair | None = None, *, clients: Authority | None = None, most: str = "") -> ssl.SSLContext:
        """Return what a processor shows; ``clients``: whose certificates it demands; ``most``: its newest version."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        shows = pair or self.authority.issue("server")
        context.load_cert_chain(shows.certificate, shows.key)
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients.ca)
        if most:
            context.maximum_version = ssl.TLSVersion[most]
        return context

    def ours(self, pair: Pair | None = None, *, ca: Path | None = None) -> ssl.SSLContext:
        """Return what we verify by, and show."""
        context = verifying(ca or self.authority.ca)
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        return context


Charge = Callable[..., Awaitable[Outcome]]


@pytest.fixture
def side(tmp_path: Path) -> Side:
    """Two authorities, of which we know one."""
    return Side(Authority(tmp_path / "known"), Authority(tmp_path / "other", "Another"))


@pytest.fixture
async def transport() -> AsyncIterator[ProcessorTransport]:
    """Our transport."""
    async with aclosing(ProcessorTransport(idle_max=4)) as made:
        yield made


def api_of(
    url: str, transport: Transport, tls: ssl.SSLContext | None, timeout_s: float = PATIENT_S, shown: Shown = NOTHING
) -> ProcessorApi:
    """Return the client of one processor."""
    shown = Shown(shown.headers, tls)
    return ProcessorApi(url, transport, call_timeout_s=timeout_s, health_timeout_s=timeout_s, shown=shown)


@pytest.fixture
def charge(transport: ProcessorTransport, side: Side) -> Charge:
    """Charge the one payment of these tests."""

    def once(url: str, tls: ssl.SSLContext | None = None, timeout_s: float = PATIENT_S) -> Awaitable[Outcome]:
        return api_of(url, transport, tls or side.ours(), timeout_s).charge(ID, 1990, NOW)

    return once


async def test_a_charge_goes_over_tls_on_a_connection_that_is_kept(
    misbehaving_server: Serve, side: Side, charge: Charge, transport: ProcessorTransport
) -> None:
    """By number and by name; the handshake is paid for once."""
    server = await misbehaving_server(says(200), tls=side.server())
    api = api_of(server.url, transport, side.ours())
    for _ in range(5):
        assert await api.charge(ID, 1990, NOW) == Booked(None)
    assert (server.connections, server.post_count) == (1, 5)
    assert await charge(server.url.replace("127.0.0.1", "localhost")) == Booked(None)


async def test_a_certificate_of_ours_is_shown_where_it_is_demanded(
    misbehaving_server: Serve, side: Side, charge: Charge
) -> None:
    """With the versions of TLS that are in use."""
    ours = side.ours(side.other.issue("client"))
    for most in ("TLSv1_2", "TLSv1_3"):
        server = await misbehaving_server(says(200), tls=side.server(clients=side.other, most=most))
        assert await charge(server.url, ours) == Booked(None)


@pytest.mark.parametrize("what", ["another authority", "ended", "another host", "nobody's"])
async def test_whoever_is_not_certainly_the_processor_gets_nothing(
    what: str, misbehaving_server: Serve, side: Side, charge: Charge
) -> None:
    """Not booked, for nothing was sent; misconfigured, for nothing will be. Whose certificate, and why, is told."""
    shows, sentence = {
        "another authority": (side.other.issue("server"), "unable to get local issuer certificate"),
        "ended": (side.authority.issue("ended", valid=-DAY), "certificate has expired"),
        "another host": (side.authority.issue("elsewhere", ["pay.example"]), "IP address mismatch"),
        "nobody's": (side.other.itself, "self-signed certificate"),
    }[what]
    server = await misbehaving_server(says(200), tls=side.server(shows))
    outcome = await charge(server.url)
    assert isinstance(outcome, NotBooked)
    assert outcome.misconfigured
    assert sentence in outcome.detail
    assert server.seen == []


async def test_the_machines_own_authorities_do_not_vouch_for_it(misbehaving_server: Serve, side: Side) -> None:
    """What is verified by default is verified: an unknown certificate is refused there too."""
    server = await misbehaving_server(says(200), tls=side.server())
    async with aclosing(ProcessorTransport(idle_max=1)) as transport:
        outcome = await api_of(server.url, transport, verifying(None)).charge(ID, 1990, NOW)
    assert isinstance(outcome, NotBooked)
    assert outcome.misconfigured


async def test_a_server_without_tls_is_misconfigured(misbehaving_server: Serve, charge: Charge) -> None:
    """It gets a handshake, and nothing of the payment."""
    server = await misbehaving_server(at_once=sends(b"HTTP/1.1 400 Bad\r\n\r\n", then_close=True))
    outcome = await charge(server.url.replace("http:", "https:"))
    assert isinstance(outcome, NotBooked)
    assert outcome.misconfigured
    assert server.post_count == 0


@pytest.mark.parametrize("at_once", [closes, resets, hangs])
async def test_a_handshake_that_does_not_end_has_carried_nothing(
    at_once: Script, misbehaving_server: Serve, charge: Charge
) -> None:
    """Not booked, as a refused connection: a server that is being started again may do so."""
    server = await misbehaving_server(at_once=at_once)
    outcome = await charge(server.url.replace("http:", "https:"), timeout_s=SHORT_S if at_once is hangs else PATIENT_S)
    assert isinstance(outcome, NotBooked)
    assert not outcome.misconfigured
    assert server.post_count == 0


async def test_a_missing_certificate_of_ours_is_a_refused_handshake_where_it_ends_before(
    misbehaving_server: Serve, side: Side, charge: Charge
) -> None:
    """As with TLS 1.2: nothing was sent before the processor had looked at it."""
    server = await misbehaving_server(says(200), tls=side.server(clients=side.other, most="TLSv1_2"))
    for shows in (None, side.authority.issue("client")):
        assert isinstance(await charge(server.url, side.ours(shows)), NotBooked)
    assert server.seen == []


async def test_a_missing_certificate_of_ours_leaves_in_doubt_where_it_is_looked_at_after(
    misbehaving_server: Serve, side: Side, charge: Charge
) -> None:
    """As with TLS 1.3: our end of the handshake is done, the request is sent, and then the connection ends."""
    server = await misbehaving_server(says(200), tls=side.server(clients=side.other, most="TLSv1_3"))
    for shows in (None, side.authority.issue("client")):
        assert isinstance(await charge(server.url, side.ours(shows)), Unknown)


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
    """TLS or not: the request was sent."""
    if kind == "stock" and "up to the end" in request.node.name:
        request.applymarker(pytest.mark.xfail(strict=True, reason="httpx takes the end of a connection for a body's"))
    server = await misbehaving_server(script, tls=side.server())
    made = ProcessorTransport(idle_max=1) if kind == "ours" else StockTransport(side.ours())
    async with aclosing(made):
        assert isinstance(await api_of(server.url, made, side.ours()).charge(ID, 1990, NOW), Unknown)
    assert server.post_count == 1


async def test_an_answer_that_does_not_come_is_unknown(
    misbehaving_server: Serve, side: Side, transport: ProcessorTransport
) -> None:
    """What the time of a call ends after the handshake is a request that was sent."""

    async def answers_once(line: Line) -> None:
        await (line.send(answer(200)) if line.turn == 1 else hangs(line))

    server, tls = await misbehaving_server(answers_once, tls=side.server()), side.ours()
    assert await api_of(server.url, transport, tls).charge(ID, 1990, NOW) == Booked(None)
    assert isinstance(await api_of(server.url, transport, tls, SHORT_S).charge(ID, 1990, NOW), Unknown)
    assert server.connections == 1


async def test_an_answer_on_an_idle_connection_is_nobodys(
    misbehaving_server: Serve, side: Side, transport: ProcessorTransport
) -> None:
    """Over TLS too."""
    said = asyncio.Event()

    async def answers_twice(line: Line) -> None:
        await line.send(answer(429))
        if line.turn == 1 and server.connections == 1:
            await line.send(answer(200))
            said.set()

    server = await misbehaving_server(answers_twice, tls=side.server())
    api = api_of(server.url, transport, side.ours())
    assert isinstance(await api.charge(ID, 1990, NOW), NotBooked)
    await said.wait()
    assert isinstance(await api.charge(ID, 1990, NOW), NotBooked)
    assert server.connections == 2


async def test_what_is_shown_goes_with_every_call_to_that_processor_alone(
    misbehaving_server: Serve, side: Side, transport: ProcessorTransport
) -> None:
    """With the charge, the look-up and the health call; another processor on the same transport gets nothing of it."""
    wants = await misbehaving_server(says(500), says(404), tls=side.server())
    other = await misbehaving_server(says(500), says(404), tls=side.server())
    for server, headers in ((wants, HEADERS), (other, ())):
        api = api_of(server.url, transport, side.ours(), shown=Shown(headers))
        await api.charge(ID, 1990, NOW)
        await api.health()
    shown = f"Authorization: Bearer {WORD}"
    assert [shown in each.headers for each in wants.seen] == [True] * 3
    assert WORD not in str(other.seen)


async def test_a_redirect_is_not_followed(misbehaving_server: Serve, side: Side, transport: ProcessorTransport) -> None:
    """Nobody else gets the payment or the credentials because the processor says so."""
    other = await misbehaving_server(says(200), says(200, HEALTH), tls=side.server())
    moved = says(307, b"", f"Location: {other.url}/payments")
    server = await misbehaving_server(moved, moved, tls=side.server())
    api = api_of(server.url, transport, side.ours(), shown=Shown(HEADERS))
    outcome = await api.charge(ID, 1990, NOW)
    assert isinstance(outcome, NotBooked)
    assert outcome.misconfigured
    assert isinstance(await api.look_up(ID), LookupFailed)
    assert isinstance(await api.health(), HealthUnread)
    assert other.connections == 0


@pytest.mark.parametrize("status", [401, 403])
async def test_missing_credentials_are_not_booked_and_misconfigured(
    status: int, misbehaving_server: Serve, side: Side, transport: ProcessorTransport
) -> None:
    """And what the processor says back is told without them, to the last character that is told."""
    said = f"{'x' * 180} not Bearer {WORD}".encode()  # cut within it
    server = await misbehaving_server(says(status, said), says(status, said), tls=side.server())
    api = api_of(server.url, transport, side.ours(), shown=Shown(HEADERS))
    outcome, lookup, health = await api.charge(ID, 1990, NOW), await api.look_up(ID), await api.health()
    assert isinstance(outcome, NotBooked)
    assert outcome.misconfigured
    assert isinstance(lookup, LookupFailed)
    assert isinstance(health, HealthUnread)
    for told in (outcome.detail, lookup.detail, health.detail):
        assert told.startswith(str(status))
        assert "s3cr" not in told


async def test_a_look_up_over_tls_says_what_it_says(
    misbehaving_server: Serve, side: Side, transport: ProcessorTransport
) -> None:
    """Absent is a complete 404 of the processor; of somebody else nothing is believed."""
    server = await misbehaving_server(closes, says(404), tls=side.server())
    assert await api_of(server.url, transport, side.ours()).look_up(ID) == Absent()
    strange = await misbehaving_server(closes, says(404), tls=side.server(side.other.issue("server")))
    assert isinstance(await api_of(strange.url, transport, side.ours()).look_up(ID), LookupFailed)
    well = await misbehaving_server(closes, says(200, HEALTH), tls=side.server())
    assert await api_of(well.url, transport, side.ours()).health() == Health(failing=False, min_response_time_ms=7)


async def test_another_certificate_is_another_connection(
    misbehaving_server: Serve, side: Side, transport: ProcessorTransport
) -> None:
    """Two processors behind one address, each known by a certificate of its own, never share a connection."""
    server = await misbehaving_server(says(200), tls=side.server(clients=side.other))
    for name in ("one", "two"):
        api = api_of(f"{server.url}/{name}", transport, side.ours(side.other.issue(name)))
        assert await api.charge(ID, 1990, NOW) == Booked(None)
    assert server.connections == 2
