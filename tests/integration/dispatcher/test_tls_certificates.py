"""Certificates of a processor and of ours: a server that is not verified as the processor gets nothing."""

from contextlib import aclosing

import pytest

from services.access.processor_access import verifying
from services.dispatcher.adapters.transport import ProcessorTransport
from services.dispatcher.core.outcome import Booked, NotBooked, Unknown
from tests.certificates import DAY
from tests.integration.dispatcher.misbehaving import (
    PATIENT_S,
    SHORT_S,
    Script,
    Serve,
    closes,
    hangs,
    resets,
    says,
    sends,
)
from tests.integration.dispatcher.tls_side import ID, NOW, Charge, Side, api_of


async def test_a_certificate_of_ours_is_presented_where_it_is_required(
    misbehaving_server: Serve, side: Side, charge: Charge
) -> None:
    """With the versions of TLS that are in use."""
    ours = side.ours(side.other.issue("client"))
    for most in ("TLSv1_2", "TLSv1_3"):
        server = await misbehaving_server(says(200), tls=side.server(clients=side.other, most=most))
        assert await charge(server.url, ours) == Booked(None)


@pytest.mark.parametrize("what", ["another authority", "ended", "another host", "nobody's"])
async def test_a_server_that_is_not_verified_as_the_processor_gets_nothing(
    what: str, misbehaving_server: Serve, side: Side, charge: Charge
) -> None:
    """Not booked, for nothing was sent; misconfigured, for nothing will be. The reason is in the outcome's detail."""
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


async def test_the_systems_own_authorities_do_not_verify_it(misbehaving_server: Serve, side: Side) -> None:
    """The default verification applies: an unknown certificate is refused there too."""
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
async def test_a_handshake_that_does_not_complete_has_sent_nothing(
    at_once: Script, misbehaving_server: Serve, charge: Charge
) -> None:
    """Not booked, as with a refused connection: a server that is restarting may do so."""
    server = await misbehaving_server(at_once=at_once)
    outcome = await charge(server.url.replace("http:", "https:"), timeout_s=SHORT_S if at_once is hangs else PATIENT_S)
    assert isinstance(outcome, NotBooked)
    assert not outcome.misconfigured
    assert server.post_count == 0


async def test_a_missing_certificate_of_ours_is_a_refused_handshake_if_it_is_checked_during_it(
    misbehaving_server: Serve, side: Side, charge: Charge
) -> None:
    """As with TLS 1.2: nothing was sent before the processor had checked it."""
    server = await misbehaving_server(says(200), tls=side.server(clients=side.other, most="TLSv1_2"))
    for shows in (None, side.authority.issue("client")):
        assert isinstance(await charge(server.url, side.ours(shows)), NotBooked)
    assert server.seen == []


async def test_a_missing_certificate_of_ours_is_unknown_if_it_is_checked_afterwards(
    misbehaving_server: Serve, side: Side, charge: Charge
) -> None:
    """As with TLS 1.3: our end of the handshake is done, the request is sent, and then the connection ends."""
    server = await misbehaving_server(says(200), tls=side.server(clients=side.other, most="TLSv1_3"))
    for shows in (None, side.authority.issue("client")):
        assert isinstance(await charge(server.url, side.ours(shows)), Unknown)


async def test_another_certificate_is_another_connection(
    misbehaving_server: Serve, side: Side, tls_transport: ProcessorTransport
) -> None:
    """Two processors behind one address, each verified by a certificate of its own, never share a connection."""
    server = await misbehaving_server(says(200), tls=side.server(clients=side.other))
    for name in ("one", "two"):
        api = api_of(f"{server.url}/{name}", tls_transport, side.ours(side.other.issue(name)))
        assert await api.charge(ID, 1990, NOW) == Booked(None)
    assert server.connections == 2
