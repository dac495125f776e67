"""A backup moves a store between one server and a cluster of three, in either direction."""

from dataclasses import replace
from pathlib import Path

from services.audit.backup import run_command
from services.bus.jetstream.lookup import last_for
from services.bus.jetstream.make_streams import make_streams
from services.bus.jetstream.publish import StoredAt, store
from services.bus.wire.connection import Bus, BusUnavailableError
from tests.conftest import LIMITS
from tests.nats_cluster import NatsCluster, all_current
from tests.nats_server import NatsServer, until

STORED = ("PAYMENTS", "payments.accepted.a"), ("SETTLEMENTS", "settlements.settled.default.b")


async def save(url: str, replicas: int, folder: Path) -> None:
    """Save a backup."""
    assert await run_command(["save", str(folder)], {"NATS_URL": url, "NATS_REPLICAS": str(replicas)}) == 0


async def restore(url: str, replicas: int, folder: Path) -> None:
    """Restore it, as soon as there is a leader."""

    async def restored() -> bool:
        try:
            return await run_command(["restore", str(folder)], {"NATS_URL": url, "NATS_REPLICAS": str(replicas)}) == 0
        except BusUnavailableError:
            return False

    await until(restored, "the restore")


async def test_a_backup_moves_from_one_server_to_three_and_back(
    bus: Bus, nats_server: NatsServer, tmp_path: Path
) -> None:
    """With as many replicas as the new server or cluster has."""
    await make_streams(bus, LIMITS)
    for stream, subject in STORED:
        assert isinstance(await store(bus, stream, subject, b"{}"), StoredAt)
    await save(nats_server.url, 1, tmp_path / "of-one")
    cluster, last = NatsCluster(tmp_path / "cluster").start(), NatsServer(tmp_path / "last").start()
    try:
        await restore(cluster.url, 3, tmp_path / "of-one")
        three = await Bus.connect(cluster.url, "three", replicas=3)
        await make_streams(three, replace(LIMITS, replicas=3))
        await all_current(three)
        for stream, subject in STORED:
            assert await last_for(three, stream, subject) is not None
        await three.close()
        await save(cluster.url, 3, tmp_path / "of-three")
        await restore(last.url, 1, tmp_path / "of-three")
        one = await Bus.connect(last.url, "one")
        await make_streams(one, LIMITS)
        for stream, subject in STORED:
            assert await last_for(one, stream, subject) is not None
        await one.close()
    finally:
        cluster.stop()
        last.stop()
