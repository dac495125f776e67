"""A server of three dies: readers resume where they were, and know when they may lack something."""

from datetime import UTC, datetime

import pytest

from services.bus.jetstream import api
from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.jetstream.follower import Follower
from services.bus.jetstream.lookup import last_for
from services.bus.jetstream.publish import Duplicate, StoredAt, Unavailable, store
from services.bus.jetstream.work_queue import Delivery, WorkQueue
from services.bus.wire import leader_contact
from services.bus.wire.connection import Bus
from services.contracts.events import PaymentSettled
from services.records.replica_lookup import ReplicaLookup
from services.records.settlements import SettlementRecords
from tests.integration.bus.conftest import StartTask
from tests.nats_cluster import NatsCluster, leader_of, made, new_id, settle
from tests.nats_server import PATIENCE_S, until


async def connected_elsewhere(cluster: NatsCluster, *names: str) -> Bus:
    """Return a connection that does not end when these servers die."""
    return await Bus.connect(cluster.other_than(*names).url, "elsewhere", replicas=3)


async def consumer_elsewhere(bus: Bus, stream: str, own: str) -> str:
    """Return the server of a stream's only consumer; if it is ``own``, have another consumer made first."""
    found: list[str] = []

    async def is_elsewhere() -> bool:
        names = (await api.call(bus, f"CONSUMER.NAMES.{stream}"))["consumers"] or []
        if len(names) != 1:
            return False
        info = await api.call(bus, f"CONSUMER.INFO.{stream}.{names[0]}")
        found.append(str(info["cluster"]["leader"]))
        if found[-1] == own:
            await api.call(bus, f"CONSUMER.DELETE.{stream}.{names[0]}")
        return found[-1] != own

    # Each new one is on any of three servers, and is made seconds after the one before was deleted.
    await until(is_elsewhere, "a consumer on another server", patience_s=10 * PATIENCE_S)
    return found[-1]


async def test_a_follower_continues_when_the_server_of_its_consumer_dies(
    bus: Bus, cluster: NatsCluster, start_task: StartTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection is to another server and does not end: only the missing heartbeats show it."""
    monkeypatch.setattr(leader_contact, "LEAVE_AFTER_S", 600.0)  # an election takes longer than usual on a busy machine
    own = next(iter(cluster.servers))
    elsewhere = await Bus.connect(cluster.servers[own].url, "elsewhere", replicas=3)
    read: list[int] = []
    following = Follower(elsewhere, "SETTLEMENTS", "settlements.>", lambda delivery: read.append(delivery.seq))
    start_task(following.run())
    await until(lambda: following.is_caught_up, "the beginning")
    node = await consumer_elsewhere(bus, "SETTLEMENTS", own)
    cluster.servers[node].kill()
    seq = await settle(elsewhere, new_id())
    await until(lambda: following.applied_seq >= seq and following.is_caught_up, "what was stored after it died")
    assert read == sorted(set(read))
    assert elsewhere.reconnects == 0, "it was connected to another server all the time"
    await elsewhere.close()


async def test_an_earlier_settlement_is_found_without_a_leader(
    bus: Bus, cluster: NatsCluster, start_task: StartTask
) -> None:
    """A POST needs one election, not two: any replica that has got far enough may answer."""
    settlements = SettlementRecords(bus)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    event = PaymentSettled(new_id(), 1990, "default", requested_at=at, accepted_at=at, payment_seq=1)
    assert await settlements.store(event)
    lookup = ReplicaLookup(bus, settlements)
    start_task(lookup.run())
    await until(lambda: lookup._mark is not None, "the leader's word")
    assert await lookup.newest(event.id) == event
    assert await lookup.newest(new_id()) is None
    node = await leader_of(bus, "SETTLEMENTS")
    elsewhere = await connected_elsewhere(cluster, node)
    without = ReplicaLookup(elsewhere, SettlementRecords(elsewhere))
    without._mark = lookup._mark
    cluster.servers[node].kill()
    assert await without.newest(event.id) == event
    assert await without.newest(new_id()) is None
    await elsewhere.close()


async def test_a_follower_without_a_leader_is_not_caught_up(
    bus: Bus, cluster: NatsCluster, start_task: StartTask
) -> None:
    """It cannot know what the others store meanwhile; with them it reads all of it."""
    names = list(cluster.servers)
    alone = await Bus.connect(cluster.servers[names[0]].url, "alone", replicas=3)
    read: list[int] = []
    following = Follower(alone, "SETTLEMENTS", "settlements.>", lambda delivery: read.append(delivery.seq))
    start_task(following.run())
    await until(lambda: following.is_caught_up, "the beginning")
    for name in names[1:]:
        cluster.servers[name].kill()
    await until(lambda: not following.is_caught_up, "the follower's doubt")
    for name in names[1:]:
        cluster.servers[name].start()
    seq = await settle(bus, new_id())
    await until(lambda: following.applied_seq >= seq and following.is_caught_up, "the rest")
    assert read == sorted(set(read))
    await alone.close()


async def test_a_server_that_can_store_nothing_is_left_for_another(
    bus: Bus, cluster: NatsCluster, caplog: pytest.LogCaptureFixture
) -> None:
    """It answers, like one that is cut off from the others and does not know it for ten seconds."""
    names = list(cluster.servers)
    alone = await Bus.connect(cluster.servers[names[0]].url, "alone", replicas=3)
    for name in names[1:]:
        cluster.servers[name].kill()

    async def is_left() -> bool:
        result = await store(alone, "PAYMENTS", f"payments.accepted.{new_id()}", b"{}", timeout_s=0.5)
        assert isinstance(result, Unavailable)
        return "bus.server_stuck" in caplog.messages

    await until(is_left, "the decision to go elsewhere")
    for name in names[1:]:
        cluster.servers[name].start()
    await settle(alone, new_id())
    assert alone.reconnects > 0
    await alone.close()


async def test_a_queue_continues_when_the_leader_of_its_consumer_dies(
    bus: Bus, cluster: NatsCluster, start_task: StartTask
) -> None:
    """What is stored afterwards is delivered, and leaves when acked."""
    await made(bus)
    node = str((await api.call(bus, "CONSUMER.INFO.PAYMENTS.dispatcher"))["cluster"]["leader"])
    elsewhere = await connected_elsewhere(cluster, node)
    delivered: list[Delivery] = []

    async def ensure() -> None:
        await ensure_dispatcher(elsewhere, ack_wait_s=30)

    async def prepare() -> None:
        pass

    queue = WorkQueue(
        elsewhere, "PAYMENTS", "dispatcher", ensure=ensure, prepare=prepare, deliver=delivered.append, acks_repeated=9
    )
    start_task(queue.run())
    await until(lambda: queue.is_open, "the queue")
    queue.pull(1_000)
    cluster.servers[node].kill()
    payment_id = new_id()
    subject = f"payments.accepted.{payment_id}"

    async def stored() -> bool:
        result = await store(elsewhere, "PAYMENTS", subject, b"{}", message_id=payment_id, expected_last=0)
        return isinstance(result, StoredAt | Duplicate)

    def came() -> bool:
        queue.pull(1_000)
        return any(delivery.subject == subject for delivery in delivered)

    await until(stored, "a leader that stores")
    await until(came, "the delivery")
    await leader_of(elsewhere, "PAYMENTS")
    for delivery in delivered:
        await queue.ack(delivery.handle)

    async def gone() -> bool:
        return await last_for(elsewhere, "PAYMENTS", subject) is None

    await until(gone, "the acks")
    await elsewhere.close()
