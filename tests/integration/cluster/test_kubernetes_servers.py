"""The servers of deploy/kubernetes with their own files and secrets, as processes: a cluster closed to strangers."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sandbox.stack.plan.ports import free
from services.access.bus_credentials import ANONYMOUS, BusCredentials, bus_credentials
from services.access.secret_file import write_secret
from services.bus.jetstream import api
from services.bus.jetstream.streams import ensure_streams
from services.bus.wire.connection import Bus, NotAdmittedError
from tests.house.kubernetes import files, secrets
from tests.nats_cluster import THREE, NatsCluster, all_current
from tests.nats_server import PATIENCE_S, NatsServer, until


class Pods(NatsCluster):
    """Three servers with the configuration of the overlay, on ports of this machine."""

    def __init__(self, folder: Path) -> None:
        ports = {f"nats-{n}": port for n, port in enumerate(free(3))}
        self.routes = ports
        self.servers = {name: self._server(folder / name, name, ports) for name in ports}

    def _server(self, folder: Path, name: str, routes: Mapping[str, int]) -> NatsServer:
        (monitoring,) = free(1)
        here = {
            "$POD_NAME": f'"{name}"',
            '"0.0.0.0:6222"': f'"127.0.0.1:{routes[name]}"',
            '"0.0.0.0:8222"': f'"127.0.0.1:{monitoring}"',
            'STORE: "/data"': "",  # both are given on the command line
            "store_dir: $STORE": "",
            "/etc/tarifa/": f"{folder}/",
            **{f"{other}.nats:6222": f"127.0.0.1:{port}" for other, port in routes.items()},
        }
        folder.mkdir()
        for file, text in files("three", "nats").items():
            found = text
            for there, instead in here.items():
                found = found.replace(there, instead)
            write_secret(folder / file, found)
        return NatsServer(folder, "-c", str(folder / "nats.conf"))


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    """Started, all three."""
    made = Pods(tmp_path_factory.mktemp("pods"))
    made.start()
    yield made
    made.stop()


def admitted(service: str, folder: Path) -> BusCredentials:
    """Return a service's access, read from its secret as the service does."""
    for file, text in secrets("three", service).items():
        write_secret(folder / file, text)
    return bus_credentials({"NATS_CREDENTIALS": str(folder / "key.nk"), "NATS_CA": str(folder / "ca.pem")})


async def test_they_are_one_cluster_that_admits_the_services(pods: Pods, tmp_path: Path) -> None:
    """The ledger creates the streams, each with three replicas."""
    bus = await Bus.connect(pods.url, "ledger", credentials=admitted("ledger", tmp_path))

    async def made() -> bool:
        try:
            await ensure_streams(bus, THREE)
        except (api.ApiError, api.BusUnavailableError):
            return False  # no leader yet
        return True

    await until(made, "streams")
    await all_current(bus)
    await bus.close()


async def test_an_unknown_user_is_not_admitted(pods: Pods) -> None:
    """Without a key, and without TLS."""
    with pytest.raises(NotAdmittedError):
        await Bus.connect(pods.url, "ledger", credentials=ANONYMOUS)


async def test_a_server_without_their_certificate_cannot_join(pods: Pods) -> None:
    """At the port of routes a connection without one is closed."""
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await join(pods.routes["nats-0"])
    assert "TLS route handshake error" in pods.servers["nats-0"].log.read_text()


async def join(port: int) -> None:
    """Connect like a server without a certificate; return when it is answered."""
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=anybody)
        try:
            writer.write(b'CONNECT {"verbose":false,"name":"stranger","cluster":"tarifa"}\r\nPING\r\n')
            await reader.readuntil(b"PONG\r\n")
        finally:
            writer.transport.abort()  # to close in order takes an answer, which a server that refuses does not give
            with contextlib.suppress(OSError):
                await writer.wait_closed()
