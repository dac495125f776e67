"""With one replica no service works on a server of a cluster: real clusters of two."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.stack.plan.ports import free
from services.bus.wire import connection
from services.bus.wire.cluster import UnfitServerError
from services.bus.wire.connection import Bus
from tests.nats_server import PATIENCE_S, NatsServer, until

SERVICES = ("ingress", "dispatcher", "ledger")
WHY = "NATS_URL leads to first of the cluster together, and NATS_REPLICAS is 1: "
AT_ONCE_S = 3.0  # below the ten seconds after which a service would check by itself
PROCESSORS = "default=http://127.0.0.1:1@0.05,fallback=http://127.0.0.1:2@0.15"


class Cluster:
    """Two servers of one cluster; a client connects to the first."""

    def __init__(self, folder: Path) -> None:
        routes = free(2)
        names = ("first", "second")
        self.first, self.second = (
            NatsServer(
                folder / name,
                *("-n", name, "--cluster_name", "together"),
                *("--cluster", f"nats://127.0.0.1:{own}", "--routes", f"nats://127.0.0.1:{other}"),
            )
            for name, own, other in zip(names, routes, reversed(routes), strict=True)
        )

    def start(self, port: int = 0) -> None:
        """Start both, the first on a given port."""
        self.first.port = port
        self.first.start()
        self.second.start()

    def streams(self) -> list[Path]:
        """Return the folders of the streams that either has made."""
        return [path for server in (self.first, self.second) for path in server.folder.glob("store/**/streams/*")]

    def stop(self) -> None:
        """Stop both."""
        self.first.stop()
        self.second.stop()


class Service:
    """A service as a process, with its output."""

    def __init__(self, name: str, folder: Path, nats_url: str) -> None:
        self._log = folder / f"{name}.log"
        env = {"NATS_URL": nats_url, "PROCESSORS": PROCESSORS, "INGRESS_LISTEN": f"unix:{folder}/ingress.sock"}
        env["OPEN"] = "1"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"services.{name}"], env=os.environ | env, stdin=subprocess.DEVNULL, stderr=log
            )

    def text(self) -> str:
        """Return all of its output."""
        return self._log.read_text()

    def sentences(self) -> list[str]:
        """Return its messages for the person who started it."""
        return [line for line in self.text().splitlines() if not line.startswith("{")]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that is not started yet; stopped at the end."""
    pair = Cluster(tmp_path / "cluster")
    yield pair
    pair.stop()


async def ended(service: Service) -> int:
    """Wait for its end and return its exit status."""
    await until(lambda: service.process.poll() is not None, "the end of the service")
    return service.process.wait()


async def test_a_single_server_is_accepted(bus: Bus) -> None:
    """It reports no cluster."""
    bus.check_server()


async def test_a_server_of_a_cluster_is_recognized(cluster: Cluster) -> None:
    """By what it reports to a client, at either node."""
    cluster.start()
    for server in (cluster.first, cluster.second):
        bus = await Bus.connect(server.url, "test")
        with pytest.raises(UnfitServerError, match="of the cluster together"):
            bus.check_server()
        await bus.close()


async def test_a_reconnect_into_a_cluster_raises_at_once_and_calls_no_listener(
    monkeypatch: pytest.MonkeyPatch, nats_server: NatsServer, bus: Bus, cluster: Cluster
) -> None:
    """No deliveries are taken from it, and the process ends without waiting for the next round trip."""
    monkeypatch.setattr(connection, "DRAIN_TIMEOUT_S", 0.5)
    called = []
    bus.on_reconnect(lambda: called.append("reconnected"))
    watching = asyncio.create_task(bus.watch())
    nats_server.kill()
    cluster.start(nats_server.port)
    await until(lambda: bus.reconnects == 1 and bus.is_connected, "the reconnect")
    began_s = time.monotonic()
    with pytest.raises(UnfitServerError):
        await asyncio.wait_for(watching, PATIENCE_S)
    assert time.monotonic() - began_s < AT_ONCE_S
    assert called == []


@pytest.mark.parametrize("name", SERVICES)
async def test_no_service_starts_on_a_cluster(name: str, cluster: Cluster, tmp_path: Path) -> None:
    """Status 2, one sentence that says why, and nothing was created there."""
    cluster.start()
    service = Service(name, tmp_path, cluster.first.url)
    assert await ended(service) == 2
    assert len(service.sentences()) == 1
    assert service.sentences()[0].startswith(WHY)
    assert not cluster.streams()


@pytest.mark.parametrize("name", SERVICES)
async def test_no_service_continues_in_a_cluster(
    name: str, nats_server: NatsServer, cluster: Cluster, tmp_path: Path
) -> None:
    """A server that restarts as part of one ends the service, with the same status and sentence."""
    service = Service(name, tmp_path, nats_server.url)
    await until(lambda: f'"{name}.ready"' in service.text(), "the service")
    nats_server.kill()
    cluster.start(nats_server.port)
    assert await ended(service) == 2, service.text()
    assert len(service.sentences()) == 1, service.text()
    assert service.sentences()[0].startswith(WHY)
