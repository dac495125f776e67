"""Following a stream: every message once, in order, without gaps, and a true word about having caught up."""

import asyncio
from collections.abc import Callable

import pytest
from nats.aio.subscription import Subscription

from services.bus import api, follow
from services.bus.connection import Bus
from services.bus.follow import Follower, StreamWentBackError
from services.bus.message import Message
from services.bus.publish import Stored, store
from services.bus.pulls import PULL_EXPIRES_S, Pulls
from services.bus.state import stream_state
from services.bus.streams import StreamLimits, ensure_streams
from services.bus.work_queue import Delivery
from tests.integration.bus.conftest import Begin, Connect
from tests.nats_server import PATIENCE_S, NatsServer, until

SETTLED = "settlements.settled.>"
ALL = "settlements.>"


async def settle(bus: Bus, number: int, kind: str = "settled") -> None:
    """Store one settlement; repeated until it is in, so there may be more than one of a number."""

    async def is_stored() -> bool:
        return isinstance(await store(bus, "SETTLEMENTS", f"settlements.{kind}.a.{number}", b"x"), Stored)

    await until(is_stored, "the settlement to be stored")


async def consumers(bus: Bus) -> list[str]:
    """The names of the stream's consumers."""
    names: list[str] = (await api.call(bus, "CONSUMER.NAMES.SETTLEMENTS"))["consumers"] or []
    return names


class Reader:
    """A follower, and the sequences it applied."""

    def __init__(self, bus: Bus, subject: str = ALL) -> None:
        self.seqs: list[int] = []
        self.follower = Follower(bus, "SETTLEMENTS", subject, self.apply)

    def apply(self, delivery: Delivery) -> None:
        """Take one message."""
        self.seqs.append(delivery.seq)

    async def caught_up(self) -> None:
        """Wait for it."""
        await asyncio.wait_for(self.follower.caught_up(), PATIENCE_S)
        assert self.follower.is_caught_up


async def test_all_that_was_stored_comes_in_order_and_then_all_that_is_new(
    bus: Bus, streams: StreamLimits, begin: Begin
) -> None:
    """Once each; caught up when all that was there at the opening has been applied."""
    for number in range(1200):
        bus.publish(f"settlements.settled.a.{number}", b"x")

    async def are_stored() -> bool:
        return (await stream_state(bus, "SETTLEMENTS")).messages == 1200

    await until(are_stored, "them to be stored")
    reader = Reader(bus)
    assert not reader.follower.is_caught_up
    begin(reader.follower.run())
    await reader.caught_up()
    assert reader.seqs == list(range(1, 1201))
    for number in range(1200, 1210):
        await settle(bus, number)
    await until(lambda: len(reader.seqs) >= 1210, "the new ones")
    assert reader.seqs == list(range(1, 1211))
    assert reader.follower.applied_seq == 1210


async def test_only_the_subject_is_read(bus: Bus, streams: StreamLimits, begin: Begin) -> None:
    """What is of another subject is passed over and is no gap."""
    for number in range(6):
        await settle(bus, number, "settled" if number % 2 else "refused")
    reader = Reader(bus, SETTLED)
    begin(reader.follower.run())
    await reader.caught_up()
    assert reader.seqs == [2, 4, 6]


async def test_an_empty_stream_is_caught_up_with(bus: Bus, streams: StreamLimits, begin: Begin) -> None:
    """A new ledger is ready before the first settlement."""
    reader = Reader(bus)
    begin(reader.follower.run())
    await reader.caught_up()


async def test_caught_up_though_the_last_messages_are_of_another_subject(
    bus: Bus, streams: StreamLimits, begin: Begin
) -> None:
    """Those never come, and must not be waited for."""
    await settle(bus, 1)
    await settle(bus, 2, "refused")
    reader = Reader(bus, SETTLED)
    begin(reader.follower.run())
    await reader.caught_up()
    assert reader.seqs == [1]


@pytest.mark.parametrize("last", [1, 3], ids=["all", "the_last"])
async def test_caught_up_though_the_last_messages_are_gone(
    bus: Bus, streams: StreamLimits, begin: Begin, last: int
) -> None:
    """Sequences that were purged or deleted never come, and must not be waited for."""
    for number in range(3):
        await settle(bus, number)
    for seq in range(last, 4):
        await api.call(bus, "STREAM.MSG.DELETE.SETTLEMENTS", {"seq": seq})
    reader = Reader(bus)
    begin(reader.follower.run())
    await reader.caught_up()
    assert reader.seqs == list(range(1, last))


async def test_caught_up_though_a_purge_takes_what_was_waited_for(
    bus: Bus, streams: StreamLimits, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No delivery tells of it, so the follower looks by itself."""
    for number in range(3):
        await settle(bus, number)

    def ask_nothing(self: Pulls, count: int) -> None:
        pass

    with monkeypatch.context() as patch:
        patch.setattr(Pulls, "ask", ask_nothing)
        reader = Reader(bus)
        begin(reader.follower.run())
        await until(lambda: consumers(bus), "the consumer")
        assert not reader.follower.is_caught_up
        await api.call(bus, "STREAM.PURGE.SETTLEMENTS")
    await reader.caught_up()
    await settle(bus, 4)
    await until(lambda: reader.seqs == [4], "the next one")


async def test_not_caught_up_while_something_is_still_to_come(
    bus: Bus, streams: StreamLimits, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at the consumer does not take what waits for what was applied."""
    await settle(bus, 1)
    monkeypatch.setattr(follow, "CHECK_EVERY_S", 0.05)

    def ask_nothing(self: Pulls, count: int) -> None:
        pass

    with monkeypatch.context() as patch:
        patch.setattr(Pulls, "ask", ask_nothing)
        reader = Reader(bus)
        begin(reader.follower.run())
        await asyncio.sleep(0.5)
        assert not reader.follower.is_caught_up
    await reader.caught_up()
    assert reader.seqs == [1]


async def test_no_gap_and_nothing_twice_across_kills_of_the_server(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, begin: Begin, connect: Connect
) -> None:
    """The follower begins again after the last one applied, on a server that was killed in the middle."""
    reader = Reader(bus)
    begin(reader.follower.run())
    other = await connect()

    async def fill() -> None:
        for number in range(600):
            await settle(other, number)

    filling = begin(fill())
    for share in (100, 300):
        await until(lambda share=share: len(reader.seqs) >= share, "some to be applied")
        nats_server.restart()
    await asyncio.wait_for(filling, PATIENCE_S)
    last = (await api.call(other, "STREAM.INFO.SETTLEMENTS"))["state"]["last_seq"]
    await until(lambda: len(reader.seqs) >= last, "all")
    assert reader.seqs == list(range(1, last + 1))
    await reader.caught_up()


async def test_a_reconnect_is_caught_up_with_anew(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, begin: Begin, connect: Connect
) -> None:
    """What was stored while this connection was away counts."""
    reader = Reader(bus)
    begin(reader.follower.run())
    await reader.caught_up()
    nats_server.restart()
    other = await connect()
    await settle(other, 1)
    await until(lambda: reader.seqs == [1], "the one stored meanwhile")
    await reader.caught_up()


async def test_it_waits_for_a_stream_that_is_not_there_yet(bus: Bus, begin: Begin) -> None:
    """A ledger may be started first."""
    reader = Reader(bus)
    begin(reader.follower.run())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.follower.caught_up(), 0.3)
    await ensure_streams(
        bus, StreamLimits(backlog_max=10, idempotency_window_s=60, settlements_bytes_max=10**6, lease_s=10)
    )
    await reader.caught_up()


@pytest.mark.parametrize("idle", [False, True], ids=["while_asked", "while_idle"])
async def test_a_deleted_consumer_is_replaced(
    bus: Bus, streams: StreamLimits, begin: Begin, monkeypatch: pytest.MonkeyPatch, *, idle: bool
) -> None:
    """Whether the server can still tell the follower or, as after a long freeze of it, only that nobody is there."""
    await settle(bus, 1)
    reader = Reader(bus)
    begin(reader.follower.run())
    await reader.caught_up()

    def ask_nothing(self: Pulls, count: int) -> None:
        pass

    with monkeypatch.context() as patch:
        if idle:
            patch.setattr(Pulls, "ask", ask_nothing)
            bus.client._transport._io_writer.transport.abort()  # the one made after this asks for nothing
            await until(lambda: bus.generation == 1 and bus.is_connected, "the reconnect")
            await until(lambda: more_than(bus, 1), "the new consumer")
        for name in await consumers(bus):
            await api.call(bus, f"CONSUMER.DELETE.SETTLEMENTS.{name}")
    await settle(bus, 2)
    await until(lambda: reader.seqs == [1, 2], "the next one")
    await reader.caught_up()
    assert len(await consumers(bus)) == 1


async def test_a_silent_consumer_is_replaced(
    bus: Bus, streams: StreamLimits, begin: Begin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One whose node died says nothing: within seconds the follower no longer says that it has read all."""
    monkeypatch.setattr(follow, "HEARTBEAT_S", 0.2)
    monkeypatch.setattr(follow, "CHECK_EVERY_S", 0.2)
    ask = Pulls.ask

    def ask_of_one_that_is_silent(self: Pulls, count: int) -> None:
        self._subject = "silence"
        ask(self, count)

    await bus.listen("silence", lambda _: None)
    reader = Reader(bus)
    with monkeypatch.context() as patch:
        patch.setattr(Pulls, "ask", ask_of_one_that_is_silent)
        begin(reader.follower.run())
        await reader.caught_up()
        await settle(bus, 1)
        began = asyncio.get_running_loop().time()
        await until(lambda: "follow.silent" in caplog.messages, "the log")
        assert not reader.follower.is_caught_up
        assert asyncio.get_running_loop().time() - began < PULL_EXPIRES_S / 2
    await until(lambda: reader.seqs == [1], "what was stored meanwhile")
    await reader.caught_up()


async def test_an_idle_follower_stays_caught_up(
    bus: Bus, streams: StreamLimits, begin: Begin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server says that it is there while nothing is stored."""
    monkeypatch.setattr(follow, "HEARTBEAT_S", 0.5)
    monkeypatch.setattr(follow, "CHECK_EVERY_S", 0.3)
    reader = Reader(bus)
    begin(reader.follower.run())
    await reader.caught_up()
    await asyncio.sleep(2.5)
    assert reader.follower.is_caught_up
    assert len(await consumers(bus)) == 1
    assert "follow.silent" not in caplog.messages


async def more_than(bus: Bus, number: int) -> bool:
    """Whether the stream has more consumers than that."""
    return len(await consumers(bus)) > number


async def test_a_gap_has_it_begin_again(
    bus: Bus, streams: StreamLimits, begin: Begin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
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
    begin(reader.follower.run())
    await reader.caught_up()
    reply = "$JS.ACK.SETTLEMENTS.consumer.1.9.9.1.0"  # a client may not publish with one; so it is handed over here
    calls[0](Message("settlements.settled.a.9", reply, b"x"))
    await until(lambda: len(calls) == 2, "a new opening")
    await settle(bus, 2)
    await until(lambda: len(reader.seqs) >= 2, "the next one")
    assert reader.seqs == [1, 2]
    assert "follow.gap" in caplog.messages


async def test_an_exception_of_apply_ends_run(bus: Bus, streams: StreamLimits) -> None:
    """What could not be applied is not passed over."""
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
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, begin: Begin
) -> None:
    """A stream that lost its last messages will give their sequences to others, which would never be read."""
    for number in range(5):
        await settle(bus, number)
    reader = Reader(bus)
    running = asyncio.create_task(reader.follower.run())
    await reader.caught_up()
    await api.call(bus, "STREAM.DELETE.SETTLEMENTS")
    await ensure_streams(bus, streams)
    with pytest.raises(StreamWentBackError, match="SETTLEMENTS ends at 0, but 5 was read"):
        await asyncio.wait_for(running, PATIENCE_S)
