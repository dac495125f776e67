"""TLS between services and NATS: nothing is sent to a server without a trusted certificate."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.access import certificates
from services.access.bus_credentials import BusCredentials, bus_credentials
from services.access.certificates import Certificates, make_certificates
from services.access.key_folder import key_path
from services.bus.wire.connection import Bus, NotAdmittedError
from services.settings.environment import SettingError
from tests.integration.access.closed_server import ClosedServer
from tests.nats_server import PATIENCE_S, NatsServer, until

HOSTS = ("127.0.0.1", "localhost")


@pytest.fixture
def files(tmp_path: Path) -> Certificates:
    """The authority and the server's certificate."""
    return make_certificates(tmp_path / "secrets", HOSTS)


@pytest.fixture
def server(tmp_path: Path, files: Certificates) -> Iterator[ClosedServer]:
    """A server with that certificate."""
    closed = ClosedServer(tmp_path, files)
    closed.server.start()
    yield closed
    closed.server.stop()


def known(tmp_path: Path, ca: Path | None) -> BusCredentials:
    """Return the settings' result for the files."""
    env = {"NATS_CREDENTIALS": str(key_path(tmp_path / "secrets", "ingress")), "NATS_CA": str(ca or "")}
    return bus_credentials(env)


@pytest.mark.parametrize("host", HOSTS)
async def test_requests_use_tls_also_after_a_reconnect(
    server: ClosedServer, files: Certificates, tmp_path: Path, host: str
) -> None:
    """By name and by address; large answers too, which take many TLS records."""
    url = f"nats://{host}:{server.server.port}"
    bus = await asyncio.wait_for(Bus.connect(url, "test", credentials=known(tmp_path, files.ca)), PATIENCE_S)
    admin = await Bus.connect(
        url, "admin", credentials=BusCredentials(server.keys["admin"], known(tmp_path, files.ca).tls)
    )
    try:
        big = b"x" * 60_000
        await admin.subscribe("dispatcher.payment", lambda asked: admin.publish(asked.reply, asked.data))
        await admin.round_trip(PATIENCE_S)
        answers = await asyncio.gather(*(bus.request("dispatcher.payment", big, PATIENCE_S) for _ in range(50)))
        assert all(answer.data == big for answer in answers)
        server.server.restart()
        await until(lambda: bus.reconnects == admin.reconnects == 1, "the reconnects")
        await admin.round_trip(PATIENCE_S)
        assert (await bus.request("dispatcher.payment", b"again", PATIENCE_S)).data == b"again"
    finally:
        await bus.close()
        await admin.close()


async def test_a_frozen_server_is_left_over_tls_too(
    server: ClosedServer, files: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written to it is not waited for, neither at a reconnect nor at the end."""
    monkeypatch.setattr("services.bus.wire.connection.PING_INTERVAL_S", 0.3)
    monkeypatch.setattr("services.bus.wire.connection.DRAIN_TIMEOUT_S", 0.5)
    bus = await Bus.connect(server.server.url, "test", credentials=known(tmp_path, files.ca))
    server.server.freeze()
    for _ in range(200):
        bus.publish("payments.accepted.x", b"x" * 60_000)
    await until(lambda: not bus.is_connected, "that it is missed")
    server.server.thaw()
    await until(lambda: bus.is_connected, "the reconnect")
    server.server.freeze()
    await asyncio.wait_for(bus.close(), PATIENCE_S)
    server.server.thaw()


@pytest.mark.parametrize("has_ca", [True, False], ids=["another authority", "none"])
async def test_a_server_of_another_authority_is_refused(server: ClosedServer, tmp_path: Path, *, has_ca: bool) -> None:
    """At the start, in a sentence that names all settings that a person on another machine needs."""
    other = make_certificates(tmp_path / "other", HOSTS)
    why = "shows a certificate that is not trusted: .*NATS_CA.*NATS_URL.*NATS_CREDENTIALS"
    with pytest.raises(NotAdmittedError, match=f"^NATS at {server.server.url} {why}"):
        await Bus.connect(server.server.url, "test", credentials=known(tmp_path, other.ca if has_ca else None))


async def test_a_server_by_another_name_is_refused(tmp_path: Path) -> None:
    """A certificate is valid for the hosts that it names."""
    files = make_certificates(tmp_path / "secrets", ["nats"])
    closed = ClosedServer(tmp_path, files)
    closed.server.start()
    try:
        with pytest.raises(NotAdmittedError, match=r"is not trusted: IP address mismatch"):
            await Bus.connect(closed.server.url, "test", credentials=known(tmp_path, files.ca))
    finally:
        closed.server.stop()


async def test_nothing_is_sent_without_tls_where_a_certificate_is_required(
    nats_server: NatsServer, files: Certificates, tmp_path: Path
) -> None:
    """Nobody in between can make a client do without TLS."""
    ClosedServer(tmp_path)
    with pytest.raises(NotAdmittedError, match=r"offers no TLS, and NATS_CA says that it must show a certific"):
        await Bus.connect(nats_server.url, "test", credentials=known(tmp_path, files.ca))


def test_a_file_without_a_certificate_stops_the_start(tmp_path: Path) -> None:
    """With the variable's name."""
    with pytest.raises(SettingError, match=r"^NATS_CA names .*, which cannot be read: No such file"):
        bus_credentials({"NATS_CA": str(tmp_path / "none")})
    (tmp_path / "ca.pem").write_text("x")
    with pytest.raises(SettingError, match=r"^NATS_CA names .*, which has no certificate in PEM$"):
        bus_credentials({"NATS_CA": str(tmp_path / "ca.pem")})


def test_certificates_are_kept_until_they_expire_soon_or_another_host_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then all three files are made again; only their owner may read them."""
    files = make_certificates(tmp_path, HOSTS)
    first = files.server.read_bytes()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    make_certificates(tmp_path, HOSTS[:1])
    assert files.server.read_bytes() == first
    make_certificates(tmp_path, [*HOSTS, "nats"])
    second = files.server.read_bytes()
    assert second != first
    monkeypatch.setattr(certificates, "RENEWED_BEFORE", certificates.VALID + timedelta(seconds=1))
    make_certificates(tmp_path, HOSTS)
    assert files.server.read_bytes() != second
