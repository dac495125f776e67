"""Streams with three replicas on a real cluster: made, looked up at the leader, and read while a server dies."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.stack.ports import free
from services.bus import api, streams
from services.bus.cluster import UnfitServerError
from services.bus.connection import Bus
from services.bus.consumer import ensure_dispatcher
from services.bus.follow import Follower
from services.bus.lookup import last_as_of, last_for, last_for_each
from services.bus.publish import Duplicate, Stored, store
from services.bus.stored_message import StoredMessage
from services.bus.streams import StreamMismatchError, ensure_streams, make_streams, wanted
from services.bus.work_queue import Delivery, WorkQueue
from tests.conftest import LIMITS
from tests.integration.bus.conftest import Begin
from tests.nats_cluster import NatsCluster, all_current, consumer_node, leader_of
from tests.nats_server import until

THREE = replace(LIMITS, replicas=3)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    """Three servers."""
    cluster = NatsCluster(tmp_path_factory.mktemp("cluster")).start()
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(running: NatsCluster) -> Iterator[NatsCluster]:
    """Three servers, all of which run again afterwards."""
    yield running
    for server in running.servers.values():
        if not server.is_running:
            server.start()


@pytest_asyncio.fixture
async def bus(cluster: NatsCluster) -> AsyncIterator[Bus]:
    """A connection to any of them; a server that nobody has started is among those it was told of."""
    connected = await Bus.connect(f"nats://127.0.0.1:{free(1)[0]},{cluster.url}", "test", replicas=3)
    await make_streams(connected, THREE)
    await all_current(connected)
    yield connected
    await connected.close()


def new_id() -> str:
    """Return an id that no test has used."""
    return str(uuid.uuid4())


async def made(bus: Bus) -> None:
    """Have the consumer made, which waits until its stream has its replicas."""

    async def ensured() -> bool:
        try:
            await ensure_dispatcher(bus, ack_wait_s=30)
        except (api.ApiError, api.BusAwayError):
            return False
        return True

    await until(ensured, "the consumer")


async def settle(bus: Bus, payment_id: str, processor: str = "default", kind: str = "settled") -> int:
    """Store something like a settlement; return its sequence."""

    async def stored() -> bool:
        result = await store(bus, "SETTLEMENTS", f"settlements.{kind}.{processor}.{payment_id}", b"{}")
        if isinstance(result, Stored):
            found.append(result.seq)
        return bool(found)

    found: list[int] = []
    await until(stored, "a leader that stores")
    return found[0]


async def connected_elsewhere(cluster: NatsCluster, *names: str) -> Bus:
    """Return a connection that does not end when these servers die."""
    return await Bus.connect(cluster.other_than(*names).url, "elsewhere", replicas=3)


async def test_every_stream_and_the_consumer_have_three_replicas(bus: Bus) -> None:
    """And a second service finds them as they must be."""
    await ensure_dispatcher(bus, ack_wait_s=30)
    await make_streams(bus, THREE)
    await ensure_dispatcher(bus, ack_wait_s=30)
    for name in [config["name"] for config in wanted(THREE)]:
        found = await api.call(bus, f"STREAM.INFO.{name}")
        assert found["config"]["num_replicas"] == 3
        assert len(found["cluster"]["replicas"]) == 2
    consumer = await api.call(bus, "CONSUMER.INFO.PAYMENTS.dispatcher")
    assert consumer["config"]["num_replicas"] == 3


async def test_fewer_replicas_are_refused(bus: Bus) -> None:
    """With the stream, both numbers and the setting."""
    with pytest.raises(StreamMismatchError, match=r"^stream PAYMENTS has num_replicas = 3, but 1 is needed by NATS_"):
        await ensure_streams(bus, LIMITS)


async def test_one_replica_becomes_three_and_keeps_what_is_stored(bus: Bus) -> None:
    """The consumer too; as after a restore of what a server that stood alone had."""
    for config in wanted(THREE):
        await api.call(bus, f"STREAM.DELETE.{config['name']}")
    await ensure_streams(bus, LIMITS)
    bus.replicas = 1
    await ensure_dispatcher(bus, ack_wait_s=30)
    subject = f"payments.accepted.{new_id()}"
    assert isinstance(await store(bus, "PAYMENTS", subject, b"{}"), Stored)
    bus.replicas = 3
    await make_streams(bus, THREE)
    await made(bus)
    assert await last_for(bus, "PAYMENTS", subject) is not None
    consumer = await api.call(bus, "CONSUMER.INFO.PAYMENTS.dispatcher")
    assert consumer["config"]["num_replicas"] == 3
    assert consumer["num_pending"] == 1
    await all_current(bus)


async def test_a_cluster_of_two_is_refused_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third may only be late; at the end there is a sentence that names the setting."""
    monkeypatch.setattr(streams, "PLACES_WITHIN_S", 0.5)
    pair = NatsCluster(tmp_path, size=2).start()
    bus = await Bus.connect(pair.url, "test", replicas=3)
    try:
        with pytest.raises(UnfitServerError, match=r"^NATS_REPLICAS is 3, and for 0.5 s the cluster .* fewer servers"):
            await make_streams(bus, THREE)
    finally:
        await bus.close()
        pair.stop()


async def test_what_was_stored_is_found_at_once(bus: Bus) -> None:
    """By whichever way it is looked up, however many are; another replica may not have it yet."""
    ids = [new_id() for _ in range(60)]
    for payment_id in ids:
        seq = await settle(bus, payment_id)
        newest = await last_for(bus, "SETTLEMENTS", f"settlements.*.*.{payment_id}")
        assert newest is not None
        assert newest.seq == seq
    for some in (ids[-1:], ids[-3:], ids):
        found = await last_for_each(bus, "SETTLEMENTS", [f"settlements.*.*.{each}" for each in (*some, new_id())])
        assert [message.subject.rpartition(".")[2] for message in found] == some


async def test_the_leader_gives_each_subject_of_a_pattern(bus: Bus) -> None:
    """As Direct Get does: of one payment a booking and a refusal."""
    payment_id = new_id()
    seqs = [await settle(bus, payment_id), await settle(bus, payment_id, "fallback", "refused")]
    found = await last_for_each(bus, "SETTLEMENTS", [f"settlements.*.*.{payment_id}"])
    assert [message.seq for message in found] == seqs
    assert await last_for_each(bus, "SETTLEMENTS", [f"settlements.*.*.{new_id()}"]) == []


async def test_an_answer_shows_how_far_it_reaches(bus: Bus) -> None:
    """One that does not reach a message is none; that message itself is in it only if it was asked for."""
    payment_id = new_id()
    seq = await settle(bus, payment_id)
    subject = f"settlements.settled.default.{payment_id}"
    mark = StoredMessage(seq, subject, b"", datetime.now(UTC))

    async def of(*patterns: str) -> list[int] | None:
        found = await last_as_of(bus, "SETTLEMENTS", patterns, mark)
        return None if found is None else [message.seq for message in found]

    async def reached() -> bool:
        return await of(subject) is not None

    await until(reached, "the replica that answers")
    assert await of(f"settlements.*.*.{new_id()}") == []
    assert await of(f"settlements.*.*.{payment_id}") == [seq]
    mark = replace(mark, seq=seq + 1)
    assert await of(subject) is None
    mark = StoredMessage(seq, f"settlements.settled.default.{new_id()}", b"", datetime.now(UTC))
    assert await of(f"settlements.*.*.{new_id()}") is None, "an answer with nothing in it shows nothing"


async def test_the_same_payment_sent_at_once_is_stored_once(bus: Bus) -> None:
    """A server that is still storing the first says so; that is no reason to call it away."""
    payment_id = new_id()
    subject = f"payments.accepted.{payment_id}"
    results = await asyncio.gather(
        *(store(bus, "PAYMENTS", subject, b"{}", message_id=payment_id, expected_last=0) for _ in range(8))
    )
    assert sum(isinstance(result, Stored) for result in results) == 1
    assert sum(isinstance(result, Duplicate) for result in results) == 7, results


async def test_a_follower_goes_on_when_the_server_of_its_consumer_dies(
    bus: Bus, cluster: NatsCluster, begin: Begin
) -> None:
    """Its connection is to another server and does not end: only the heartbeats that do not come tell of it."""
    for name in (await api.call(bus, "CONSUMER.NAMES.SETTLEMENTS"))["consumers"]:
        await api.call(bus, f"CONSUMER.DELETE.SETTLEMENTS.{name}")
    read: list[int] = []
    following = Follower(bus, "SETTLEMENTS", "settlements.>", lambda delivery: read.append(delivery.seq))
    begin(following.run())
    await following.caught_up()
    consumer, node = await consumer_node(bus, "SETTLEMENTS")
    if bus.client.connected_url is not None and str(cluster.servers[node].port) == str(bus.client.connected_url.port):
        await api.call(bus, f"CONSUMER.LEADER.STEPDOWN.SETTLEMENTS.{consumer}")
    elsewhere = await connected_elsewhere(cluster, node)
    cluster.servers[node].kill()
    try:
        seq = await settle(elsewhere, new_id())
        await until(lambda: following.applied_seq >= seq and following.is_caught_up, "what was stored after it died")
        assert read == sorted(set(read))
    finally:
        await elsewhere.close()


async def test_a_follower_without_a_leader_is_not_caught_up(bus: Bus, cluster: NatsCluster, begin: Begin) -> None:
    """What the others store meanwhile it cannot know; with them it reads all of it."""
    names = list(cluster.servers)
    alone = await Bus.connect(cluster.servers[names[0]].url, "alone", replicas=3)
    read: list[int] = []
    following = Follower(alone, "SETTLEMENTS", "settlements.>", lambda delivery: read.append(delivery.seq))
    begin(following.run())
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


async def test_a_queue_goes_on_when_the_leader_of_its_consumer_dies(
    bus: Bus, cluster: NatsCluster, begin: Begin
) -> None:
    """What is stored afterwards is delivered, and acked it has left."""
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
    begin(queue.run())
    await until(lambda: queue.is_open, "the queue")
    queue.pull(1_000)
    cluster.servers[node].kill()
    payment_id = new_id()
    subject = f"payments.accepted.{payment_id}"

    async def stored() -> bool:
        result = await store(elsewhere, "PAYMENTS", subject, b"{}", message_id=payment_id, expected_last=0)
        return isinstance(result, Stored | Duplicate)

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
