"""Following a stream: every message is applied once, in order, without gaps."""

import asyncio
from collections.abc import Callable

import pytest
from nats.aio.subscription import Subscription

from services.bus.jetstream import api
from services.bus.jetstream.follower import Follower, StreamWentBackError
from services.bus.jetstream.state import stream_state
from services.bus.jetstream.streams import StreamLimits, ensure_streams
from services.bus.jetstream.work_queue import Delivery
from services.bus.wire.connection import Bus
from services.bus.wire.message import Message
from tests.integration.bus.conftest import Connect, StartTask
from tests.integration.bus.stream_reader import ALL, SETTLED, Reader, settle
from tests.nats_server import PATIENCE_S, NatsServer, until


async def test_what_was_stored_is_applied_in_order_and_then_what_is_new(
    bus: Bus, streams: StreamLimits, start_task: StartTask
) -> None:
    """Once each; caught up when all that was there at the opening is applied."""
    for number in range(1200):
        bus.publish(f"settlements.settled.a.{number}", b"x")

    async def are_stored() -> bool:
        return (await stream_state(bus, "SETTLEMENTS")).messages == 1200

    await until(are_stored, "them to be stored")
    reader = Reader(bus)
    assert not reader.follower.is_caught_up
    start_task(reader.follower.run())
    await reader.caught_up()
    assert reader.seqs == list(range(1, 1201))
    for number in range(1200, 1210):
        await settle(bus, number)
    await until(lambda: len(reader.seqs) >= 1210, "the new ones")
    assert reader.seqs == list(range(1, 1211))
    assert reader.follower.applied_seq == 1210


async def test_only_the_subject_is_read(bus: Bus, streams: StreamLimits, start_task: StartTask) -> None:
    """Messages of other subjects are skipped, and are not a gap."""
    for number in range(6):
        await settle(bus, number, "settled" if number % 2 else "refused")
    reader = Reader(bus, SETTLED)
    start_task(reader.follower.run())
    await reader.caught_up()
    assert reader.seqs == [2, 4, 6]


async def test_no_gap_and_nothing_twice_across_kills_of_the_server(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, start_task: StartTask, connect: Connect
) -> None:
    """The follower begins again after the last one applied, on a server that was killed meanwhile."""
    reader = Reader(bus)
    start_task(reader.follower.run())
    other = await connect()

    async def fill() -> None:
        for number in range(600):
            await settle(other, number)

    filling = start_task(fill())
    for share in (100, 300):
        await until(lambda share=share: len(reader.seqs) >= share, "some to be applied")
        nats_server.restart()
    await asyncio.wait_for(filling, PATIENCE_S)
    last = (await api.call(other, "STREAM.INFO.SETTLEMENTS"))["state"]["last_seq"]
    await until(lambda: len(reader.seqs) >= last, "all")
    assert reader.seqs == list(range(1, last + 1))
    await reader.caught_up()


async def test_a_gap_is_read_again(
    bus: Bus,
    streams: StreamLimits,
    start_task: StartTask,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A delivery that does not follow the last one is not applied; those missing are asked for again."""
    calls: list[Callable[[Message], None]] = []
    subscribe = bus.subscribe

    async def note(subject: str, call: Callable[[Message], None]) -> Subscription:
        calls.append(call)
        return await subscribe(subject, call)

    monkeypatch.setattr(bus, "subscribe", note)
    await settle(bus, 1)
    reader = Reader(bus)
    start_task(reader.follower.run())
    await reader.caught_up()
    reply = "$JS.ACK.SETTLEMENTS.consumer.1.9.9.1.0"  # a client may not publish with one; so it is handed over here
    calls[0](Message("settlements.settled.a.9", reply, b"x"))
    await until(lambda: len(calls) == 2, "a new opening")
    await settle(bus, 2)
    await until(lambda: len(reader.seqs) >= 2, "the next one")
    assert reader.seqs == [1, 2]
    assert "follow.gap" in caplog.messages


async def test_an_exception_of_apply_ends_run(bus: Bus, streams: StreamLimits) -> None:
    """What could not be applied is not skipped."""
    seen: list[int] = []

    def apply(delivery: Delivery) -> None:
        seen.append(delivery.seq)
        if delivery.seq == 2:
            raise ZeroDivisionError

    for number in range(5):
        await settle(bus, number)
    follower = Follower(bus, "SETTLEMENTS", ALL, apply)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(follower.run(), PATIENCE_S)
    assert seen == [1, 2]
    assert follower.applied_seq == 1
    assert not follower.is_caught_up


async def test_a_stream_that_went_back_ends_run(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, start_task: StartTask
) -> None:
    """A stream that lost its last messages gives their sequences to others, which would never be read."""
    for number in range(5):
        await settle(bus, number)
    reader = Reader(bus)
    running = asyncio.create_task(reader.follower.run())
    await reader.caught_up()
    await api.call(bus, "STREAM.DELETE.SETTLEMENTS")
    await ensure_streams(bus, streams)
    with pytest.raises(StreamWentBackError, match="SETTLEMENTS ends at 0, but 5 was read"):
        await asyncio.wait_for(running, PATIENCE_S)
