"""Storing: only the PubAck says whether a message is stored."""

import asyncio
from dataclasses import replace

import pytest

from services.bus.jetstream import api
from services.bus.jetstream.publish import Conflict, Duplicate, StoredAt, StreamFull, Unavailable, store
from services.bus.jetstream.state import stream_state
from services.bus.jetstream.streams import StreamLimits, ensure_streams
from services.bus.wire import leader_contact
from services.bus.wire.connection import Bus
from tests.nats_server import NatsServer, until

SUBJECT = "payments.accepted.p1"


async def test_stored_gives_the_sequence(bus: Bus, streams: StreamLimits) -> None:
    """Sequences are the stream's own."""
    assert await store(bus, "PAYMENTS", SUBJECT, b"1") == StoredAt(1)
    assert await store(bus, "PAYMENTS", SUBJECT, b"2") == StoredAt(2)


async def test_the_same_message_id_is_a_duplicate_and_stored_once(bus: Bus, streams: StreamLimits) -> None:
    """Repeating is safe."""
    assert await store(bus, "PAYMENTS", SUBJECT, b"1", message_id="p1") == StoredAt(1)
    assert await store(bus, "PAYMENTS", SUBJECT, b"1", message_id="p1") == Duplicate()
    assert (await stream_state(bus, "PAYMENTS")).messages == 1


async def test_a_duplicate_of_what_is_stored_is_known_after_kill(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits
) -> None:
    """The server finds the ids again among the messages that it still holds."""
    assert await store(bus, "PAYMENTS", SUBJECT, b"1", message_id="p1") == StoredAt(1)
    nats_server.restart()
    await until(lambda: bus.reconnects == 1 and bus.is_connected, "the reconnect")
    assert await store(bus, "PAYMENTS", SUBJECT, b"1", message_id="p1") == Duplicate()


async def test_many_at_once_from_one_id_store_one(bus: Bus, streams: StreamLimits) -> None:
    """However many repeat it concurrently."""
    results = await asyncio.gather(*(store(bus, "PAYMENTS", SUBJECT, b"1", message_id="p1") for _ in range(50)))
    assert sorted(map(repr, results)) == ["Duplicate()"] * 49 + ["StoredAt(seq=1)"]


async def test_expected_last_zero_conflicts_while_the_subject_waits_in_the_queue(
    bus: Bus, streams: StreamLimits
) -> None:
    """Also on a work queue the subject's newest message guards it."""
    assert await store(bus, "PAYMENTS", SUBJECT, b"1", expected_last=0) == StoredAt(1)
    assert await store(bus, "PAYMENTS", SUBJECT, b"1", expected_last=0) == Conflict()
    assert await store(bus, "PAYMENTS", "payments.accepted.p2", b"2", expected_last=0) == StoredAt(2)


async def test_expected_last_compares_and_sets(bus: Bus, streams: StreamLimits) -> None:
    """A writer that knows the newest revision succeeds; another conflicts, and nothing is stored."""
    subject = "$KV.processors.p1"
    assert await store(bus, "KV_processors", subject, b"a", expected_last=0) == StoredAt(1)
    assert await store(bus, "KV_processors", subject, b"b", expected_last=1) == StoredAt(2)
    assert await store(bus, "KV_processors", subject, b"c", expected_last=1) == Conflict()
    assert await store(bus, "KV_processors", subject, b"c", expected_last=0) == Conflict()
    assert (await stream_state(bus, "KV_processors")).last_seq == 2


async def test_one_of_many_compare_and_sets_wins(bus: Bus, streams: StreamLimits) -> None:
    """A race has one winner."""
    subject = "$KV.processors.p1"
    results = await asyncio.gather(*(store(bus, "KV_processors", subject, b"a", expected_last=0) for _ in range(20)))
    assert sorted(map(repr, results)) == ["Conflict()"] * 19 + ["StoredAt(seq=1)"]


async def test_a_full_stream_refuses_and_keeps_what_it_has(bus: Bus, streams: StreamLimits) -> None:
    """Discard new: the oldest payment is not dropped for the newest."""
    await ensure_streams(bus, replace(streams, backlog_max=3))
    for number in range(3):
        assert await store(bus, "PAYMENTS", f"payments.accepted.{number}", b"x", message_id=str(number)) == StoredAt(
            number + 1
        )
    assert isinstance(await store(bus, "PAYMENTS", "payments.accepted.3", b"x", message_id="3"), StreamFull)
    state = await stream_state(bus, "PAYMENTS")
    assert (state.messages, state.first_seq, state.last_seq) == (3, 1, 3)
    await api.call(bus, "STREAM.PURGE.PAYMENTS", {"filter": "payments.accepted.0"})
    assert await store(bus, "PAYMENTS", "payments.accepted.3", b"x", message_id="3") == StoredAt(4)


async def test_away_when_killed(nats_server: NatsServer, bus: Bus, streams: StreamLimits) -> None:
    """No answer is not an answer."""
    nats_server.kill()
    assert isinstance(await store(bus, "PAYMENTS", SUBJECT, b"1", timeout_s=0.2), Unavailable)
    await until(lambda: not bus.is_connected, "the loss")
    assert isinstance(await store(bus, "PAYMENTS", SUBJECT, b"1"), Unavailable)


async def test_away_when_there_is_no_such_stream(bus: Bus) -> None:
    """Nothing stored it, and the caller may repeat."""
    assert isinstance(await store(bus, "PAYMENTS", SUBJECT, b"1"), Unavailable)


async def test_away_when_the_subject_is_of_another_stream(bus: Bus, streams: StreamLimits) -> None:
    """A stream that gets the subject by mistake rejects it, and it does not count as stored."""
    assert isinstance(await store(bus, "SETTLEMENTS", SUBJECT, b"1"), Unavailable)
    assert (await stream_state(bus, "PAYMENTS")).messages == 0


@pytest.mark.parametrize("restart", [False, True], ids=["thawed", "killed"])
async def test_a_repeat_after_away_is_stored_once(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, *, restart: bool
) -> None:
    """The frozen server has it in its socket: thawed it stores it late, killed never; repeated it is there once."""
    nats_server.freeze()
    assert isinstance(await store(bus, "PAYMENTS", SUBJECT, b"1", message_id="p1", timeout_s=0.2), Unavailable)
    if restart:
        nats_server.restart()
        await until(lambda: bus.reconnects == 1 and bus.is_connected, "the reconnect")
    else:
        nats_server.thaw()
    result = await store(bus, "PAYMENTS", SUBJECT, b"1", message_id="p1")
    assert result == (StoredAt(1) if restart else Duplicate())
    assert (await stream_state(bus, "PAYMENTS")).messages == 1


async def test_what_was_acknowledged_survives_kills_in_the_middle_of_a_flood(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits
) -> None:
    """2xx means stored: each StoredAt is there afterwards, and each repeated Unavailable is there once."""
    ids = [f"p{number}" for number in range(2000)]
    stored: set[str] = set()

    async def accept(payment_id: str) -> None:
        while True:
            subject = f"payments.accepted.{payment_id}"
            match await store(bus, "PAYMENTS", subject, b"x", message_id=payment_id, timeout_s=1.0):
                case StoredAt() | Duplicate():
                    stored.add(payment_id)
                    return
                case _:
                    await asyncio.sleep(0.05)

    async def worker(mine: list[str]) -> None:
        for payment_id in mine:
            await accept(payment_id)

    workers = asyncio.gather(*(worker(ids[start::32]) for start in range(32)))
    for share in (400, 1200):
        await until(lambda share=share: len(stored) >= share, "some to be stored")
        nats_server.restart()
    await workers
    assert (await stream_state(bus, "PAYMENTS")).messages == len(ids)


async def test_a_leader_that_only_says_in_process_is_left_for_another_server(
    bus: Bus, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that is cut off answers so to each repeated payment, and stores none."""
    monkeypatch.setattr(leader_contact, "LEAVE_AFTER_S", 0.3)
    leader = await Bus.connect(nats_server.url, "leader")
    said = b'{"error": {"err_code": %d, "description": "duplicate message id is in process"}}' % api.IN_PROCESS
    await leader.subscribe(SUBJECT, lambda message: leader.publish(message.reply, said))
    await leader.round_trip(5)
    bus.replicas = 3
    try:

        async def is_left() -> bool:
            assert isinstance(await store(bus, "PAYMENTS", SUBJECT, b"1", message_id="p1", timeout_s=0.1), Unavailable)
            return "bus.server_stuck" in caplog.messages

        await until(is_left, "the decision to go elsewhere")
    finally:
        await leader.close()
