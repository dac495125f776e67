"""A follower whose consumer was deleted or sends nothing replaces it; one that is only idle stays as it is."""

import asyncio

import pytest

from services.bus.jetstream import api, follower
from services.bus.jetstream.pull_requests import PULL_EXPIRES_S, PullRequests
from services.bus.jetstream.streams import StreamLimits
from services.bus.wire.connection import Bus
from tests.integration.bus.conftest import StartTask
from tests.integration.bus.stream_reader import Reader, consumers, more_than, settle
from tests.nats_server import until


@pytest.mark.parametrize("idle", [False, True], ids=["while_asked", "while_idle"])
async def test_a_deleted_consumer_is_replaced(
    bus: Bus, streams: StreamLimits, start_task: StartTask, monkeypatch: pytest.MonkeyPatch, *, idle: bool
) -> None:
    """Whether the server still sends a status or, as after a long freeze, there are no responders."""
    await settle(bus, 1)
    reader = Reader(bus)
    start_task(reader.follower.run())
    await reader.caught_up()

    def pull_nothing(self: PullRequests, count: int) -> None:
        pass

    with monkeypatch.context() as patch:
        if idle:
            patch.setattr(PullRequests, "ask", pull_nothing)
            bus.client._transport._io_writer.transport.abort()  # the one after this pulls nothing
            await until(lambda: bus.reconnects == 1 and bus.is_connected, "the reconnect")
            await until(lambda: more_than(bus, 1), "the new consumer")
        for name in await consumers(bus):
            await api.call(bus, f"CONSUMER.DELETE.SETTLEMENTS.{name}")
    await settle(bus, 2)
    await until(lambda: reader.seqs == [1, 2], "the next one")
    await reader.caught_up()
    assert len(await consumers(bus)) == 1


async def test_a_silent_consumer_is_replaced(
    bus: Bus,
    streams: StreamLimits,
    start_task: StartTask,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The consumer of a dead node sends nothing: within seconds the follower is no longer caught up."""
    monkeypatch.setattr(follower, "HEARTBEAT_S", 0.2)
    monkeypatch.setattr(follower, "CHECK_EVERY_S", 0.2)
    ask = PullRequests.ask

    def pull_from_no_consumer(self: PullRequests, count: int) -> None:
        self._subject = "silence"
        ask(self, count)

    await bus.listen("silence", lambda _: None)
    reader = Reader(bus)
    with monkeypatch.context() as patch:
        patch.setattr(PullRequests, "ask", pull_from_no_consumer)
        start_task(reader.follower.run())
        await reader.caught_up()
        await settle(bus, 1)
        began = asyncio.get_running_loop().time()
        await until(lambda: "follow.silent" in caplog.messages, "the log")
        assert not reader.follower.is_caught_up
        assert asyncio.get_running_loop().time() - began < PULL_EXPIRES_S / 2
    await until(lambda: reader.seqs == [1], "what was stored meanwhile")
    await reader.caught_up()


async def test_an_idle_follower_stays_caught_up(
    bus: Bus,
    streams: StreamLimits,
    start_task: StartTask,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The server sends heartbeats while nothing is stored."""
    monkeypatch.setattr(follower, "HEARTBEAT_S", 0.5)
    monkeypatch.setattr(follower, "CHECK_EVERY_S", 0.3)
    reader = Reader(bus)
    start_task(reader.follower.run())
    await reader.caught_up()
    await asyncio.sleep(2.5)
    assert reader.follower.is_caught_up
    assert len(await consumers(bus)) == 1
    assert "follow.silent" not in caplog.messages
