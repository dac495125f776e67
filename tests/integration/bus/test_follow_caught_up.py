"""A follower is caught up exactly when all that the stream held is applied."""

import asyncio

import pytest

from services.bus.jetstream import api, follower
from services.bus.jetstream.pull_requests import PullRequests
from services.bus.jetstream.streams import StreamLimits, ensure_streams
from services.bus.wire.connection import Bus
from tests.integration.bus.conftest import Connect, StartTask
from tests.integration.bus.stream_reader import SETTLED, Reader, consumers, settle
from tests.nats_server import NatsServer, until


async def test_an_empty_stream_is_caught_up_with(bus: Bus, streams: StreamLimits, start_task: StartTask) -> None:
    """A new ledger is ready before the first settlement."""
    reader = Reader(bus)
    start_task(reader.follower.run())
    await reader.caught_up()


async def test_caught_up_though_the_last_messages_are_of_another_subject(
    bus: Bus, streams: StreamLimits, start_task: StartTask
) -> None:
    """Those never come, and must not be waited for."""
    await settle(bus, 1)
    await settle(bus, 2, "refused")
    reader = Reader(bus, SETTLED)
    start_task(reader.follower.run())
    await reader.caught_up()
    assert reader.seqs == [1]


@pytest.mark.parametrize("last", [1, 3], ids=["all", "the_last"])
async def test_caught_up_though_the_last_messages_are_gone(
    bus: Bus, streams: StreamLimits, start_task: StartTask, last: int
) -> None:
    """Sequences that were purged or deleted never come, and must not be waited for."""
    for number in range(3):
        await settle(bus, number)
    for seq in range(last, 4):
        await api.call(bus, "STREAM.MSG.DELETE.SETTLEMENTS", {"seq": seq})
    reader = Reader(bus)
    start_task(reader.follower.run())
    await reader.caught_up()
    assert reader.seqs == list(range(1, last))


async def test_caught_up_though_a_purge_takes_what_was_waited_for(
    bus: Bus, streams: StreamLimits, start_task: StartTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No delivery follows a purge, so the follower checks by itself."""
    for number in range(3):
        await settle(bus, number)

    def pull_nothing(self: PullRequests, count: int) -> None:
        pass

    with monkeypatch.context() as patch:
        patch.setattr(PullRequests, "ask", pull_nothing)
        reader = Reader(bus)
        start_task(reader.follower.run())
        await until(lambda: consumers(bus), "the consumer")
        assert not reader.follower.is_caught_up
        await api.call(bus, "STREAM.PURGE.SETTLEMENTS")
    await reader.caught_up()
    await settle(bus, 4)
    await until(lambda: reader.seqs == [4], "the next one")


async def test_not_caught_up_while_something_is_still_to_come(
    bus: Bus, streams: StreamLimits, start_task: StartTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check of the consumer does not count waiting messages as applied."""
    await settle(bus, 1)
    monkeypatch.setattr(follower, "CHECK_EVERY_S", 0.05)

    def pull_nothing(self: PullRequests, count: int) -> None:
        pass

    with monkeypatch.context() as patch:
        patch.setattr(PullRequests, "ask", pull_nothing)
        reader = Reader(bus)
        start_task(reader.follower.run())
        await asyncio.sleep(0.5)
        assert not reader.follower.is_caught_up
    await reader.caught_up()
    assert reader.seqs == [1]


async def test_after_a_reconnect_it_catches_up_again(
    nats_server: NatsServer, bus: Bus, streams: StreamLimits, start_task: StartTask, connect: Connect
) -> None:
    """What was stored while this connection was away counts."""
    reader = Reader(bus)
    start_task(reader.follower.run())
    await reader.caught_up()
    nats_server.restart()
    other = await connect()
    await settle(other, 1)
    await until(lambda: reader.seqs == [1], "the one stored meanwhile")
    await reader.caught_up()


async def test_a_missing_stream_is_waited_for(bus: Bus, start_task: StartTask) -> None:
    """A ledger may be started first."""
    reader = Reader(bus)
    start_task(reader.follower.run())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.follower.caught_up(), 0.3)
    await ensure_streams(
        bus, StreamLimits(backlog_max=10, idempotency_window_s=60, settlements_bytes_max=10**6, lease_s=10)
    )
    await reader.caught_up()
