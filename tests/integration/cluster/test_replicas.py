"""Streams with three replicas on a real cluster: created as they must be, and looked up at the leader."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.bus.jetstream import api
from services.bus.jetstream import make_streams as making
from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.jetstream.lookup import last_as_of, last_for, last_for_each
from services.bus.jetstream.make_streams import make_streams
from services.bus.jetstream.publish import Duplicate, StoredAt, store
from services.bus.jetstream.stored_message import StoredMessage
from services.bus.jetstream.streams import StreamMismatchError, ensure_streams, wanted
from services.bus.wire.cluster import UnfitServerError
from services.bus.wire.connection import Bus
from tests.conftest import LIMITS
from tests.nats_cluster import THREE, NatsCluster, all_current, made, new_id, settle
from tests.nats_server import until


async def test_every_stream_and_the_consumer_have_three_replicas(bus: Bus) -> None:
    """And a second service finds them unchanged."""
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
    """The consumer too; as after a restore of a single server's backup."""
    for config in wanted(THREE):
        await api.call(bus, f"STREAM.DELETE.{config['name']}")
    await ensure_streams(bus, LIMITS)
    bus.replicas = 1
    await ensure_dispatcher(bus, ack_wait_s=30)
    subject = f"payments.accepted.{new_id()}"
    assert isinstance(await store(bus, "PAYMENTS", subject, b"{}"), StoredAt)
    bus.replicas = 3
    await make_streams(bus, THREE)
    await made(bus)
    assert await last_for(bus, "PAYMENTS", subject) is not None
    consumer = await api.call(bus, "CONSUMER.INFO.PAYMENTS.dispatcher")
    assert consumer["config"]["num_replicas"] == 3
    assert consumer["num_pending"] == 1
    await all_current(bus)


async def test_a_cluster_of_two_is_refused_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third may only be late; in the end there is a sentence that names the setting."""
    monkeypatch.setattr(making, "PLACES_WITHIN_S", 0.5)
    pair = NatsCluster(tmp_path, size=2).start()
    bus = await Bus.connect(pair.url, "test", replicas=3)
    try:
        with pytest.raises(UnfitServerError, match=r"^NATS_REPLICAS is 3, and for 0.5 s the cluster .* fewer servers"):
            await make_streams(bus, THREE)
    finally:
        await bus.close()
        pair.stop()


async def test_what_was_stored_is_found_at_once(bus: Bus) -> None:
    """By every kind of look-up, of any number; another replica may not have it yet."""
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


async def test_an_answer_proves_how_far_it_reaches(bus: Bus) -> None:
    """One that does not reach the mark does not count; the mark itself is returned only if it was asked for."""
    payment_id = new_id()
    seq = await settle(bus, payment_id)
    subject = f"settlements.settled.default.{payment_id}"
    mark = StoredMessage(seq, subject, b"", datetime.now(UTC))

    async def of(*patterns: str) -> list[int] | None:
        found = await last_as_of(bus, "SETTLEMENTS", patterns, mark)
        return None if found is None else [message.seq for message in found]

    async def reached(*patterns: str) -> list[int]:
        """Any replica may answer each request: ask until one does that has reached the mark."""
        found: list[int] | None = None

        async def asked() -> bool:
            nonlocal found
            found = await of(*patterns)
            return found is not None

        await until(asked, "a replica that reaches the mark")
        assert found is not None
        return found

    assert await reached(subject) == [seq]
    assert await reached(f"settlements.*.*.{new_id()}") == []
    assert await reached(f"settlements.*.*.{payment_id}") == [seq]
    mark = replace(mark, seq=seq + 1)
    assert await of(subject) is None
    mark = StoredMessage(seq, f"settlements.settled.default.{new_id()}", b"", datetime.now(UTC))
    assert await of(f"settlements.*.*.{new_id()}") is None, "an empty answer proves no reach"


async def test_the_same_payment_sent_at_once_is_stored_once(bus: Bus) -> None:
    """A server that is still storing the first answers so; that does not count as away."""
    payment_id = new_id()
    subject = f"payments.accepted.{payment_id}"
    results = await asyncio.gather(
        *(store(bus, "PAYMENTS", subject, b"{}", message_id=payment_id, expected_last=0) for _ in range(8))
    )
    assert sum(isinstance(result, StoredAt) for result in results) == 1
    assert sum(isinstance(result, Duplicate) for result in results) == 7, results
