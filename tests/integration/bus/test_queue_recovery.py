"""A queue resumes by itself after its server, its consumer or its stream was killed, frozen, deleted or silent."""

import asyncio
import shutil

import pytest

from services.bus.jetstream import api, work_queue
from services.bus.jetstream import pull_requests as pulls
from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.wire.connection import Bus
from tests.integration.bus.conftest import Connect, StartTask
from tests.integration.bus.queue_worker import StartWorker, Worker, accept, until_backlog
from tests.nats_server import PATIENCE_S, NatsServer, until


async def test_a_backlog_is_processed_across_kills_of_the_server(
    nats_server: NatsServer, bus: Bus, worker: Worker, start_task: StartTask, connect: Connect
) -> None:
    """The queue survives kill -9 in the middle, resumes by itself, and loses nothing."""
    await ensure_dispatcher(bus, ack_wait_s=2)
    start_task(worker.ack_all(20))
    filling = start_task(accept(await connect(), *range(600)))
    for share in (100, 300):
        await worker.came(share)
        nats_server.restart()
    await asyncio.wait_for(filling, PATIENCE_S)
    await until_backlog(bus, 0)
    assert {delivery.data for delivery in worker.deliveries} == {b"%d" % number for number in range(600)}


async def test_a_frozen_server_is_waited_for(
    short_timeouts: None, nats_server: NatsServer, start_worker: StartWorker, start_task: StartTask, connect: Connect
) -> None:
    """After the thaw the queue goes on."""
    bus = await connect()
    worker = start_worker(bus)
    start_task(worker.ack_all(5))
    await accept(bus, *range(10))
    await worker.came(10)
    nats_server.freeze()
    await until(lambda: not bus.is_connected, "the loss")
    nats_server.thaw()
    await until(lambda: bus.is_connected and worker.queue.is_open, "the queue to open")
    await accept(bus, *range(10, 20))
    await until_backlog(bus, 0)


@pytest.mark.parametrize("asked", [5, 0], ids=["while_asked", "while_idle"])
async def test_a_deleted_consumer_is_created_again(
    bus: Bus, worker: Worker, start_task: StartTask, caplog: pytest.LogCaptureFixture, asked: int
) -> None:
    """Payments continue within seconds, after another preparation, and it is logged once."""
    worker.queue.pull(asked)
    await bus.round_trip(PATIENCE_S)
    await api.call(bus, "CONSUMER.DELETE.PAYMENTS.dispatcher")
    began = asyncio.get_running_loop().time()
    start_task(worker.ack_all(5))
    await accept(bus, 1, 2)
    await worker.came(2)
    assert asyncio.get_running_loop().time() - began < pulls.PULL_EXPIRES_S / 2
    await until_backlog(bus, 0)
    assert worker.events[:2] == ["prepared"] * 2
    said = [line for line in caplog.messages if line.startswith("work_queue.consumer")]
    assert said == ["work_queue.consumer_gone", "work_queue.consumer_made_again"]


async def test_a_consumer_lost_in_a_crash_is_created_again(
    nats_server: NatsServer, bus: Bus, worker: Worker, start_task: StartTask
) -> None:
    """The reconnect finds it missing; what was not acked comes again."""
    start_task(worker.ack_all(5))
    await accept(bus, 1)
    await until_backlog(bus, 0)
    nats_server.kill()
    shutil.rmtree(nats_server.folder / "store/jetstream/$G/streams/PAYMENTS/obs/dispatcher")
    nats_server.start()
    await until(lambda: bus.reconnects == 1 and bus.is_connected, "the reconnect")
    await accept(bus, 2)
    await worker.came(2)
    await until_backlog(bus, 0)


async def test_a_deleted_stream_is_noticed(bus: Bus, worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    """With the stream its consumer is gone."""
    worker.queue.pull(5)
    await bus.round_trip(PATIENCE_S)
    await api.call(bus, "STREAM.DELETE.PAYMENTS")
    await until(lambda: "work_queue.consumer_gone" in caplog.messages, "the log")


async def test_a_silent_queue_is_opened_again(
    bus: Bus,
    start_worker: StartWorker,
    start_task: StartTask,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A consumer whose node died sends nothing; the next one answers."""
    monkeypatch.setattr(work_queue, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(work_queue, "EXPIRY_CHECK_EVERY_S", 0.1)
    worker = start_worker(bus)
    await until(lambda: worker.queue.is_open, "the queue to open")
    await bus.listen("silence", lambda _: None)
    worker.queue._pulls._subject = "silence"
    await accept(bus, 1)
    start_task(worker.ack_all(5))
    await worker.came(1)
    assert worker.events[:2] == ["prepared"] * 2
    assert caplog.messages.count("work_queue.silent") == 1


async def test_an_idle_queue_is_not_silent(
    bus: Bus, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server sends heartbeats while nothing waits."""
    monkeypatch.setattr(work_queue, "HEARTBEAT_S", 0.5)
    monkeypatch.setattr(work_queue, "EXPIRY_CHECK_EVERY_S", 0.3)
    worker = start_worker(bus)
    await until(lambda: worker.queue.is_open, "the queue to open")
    worker.queue.pull(5)
    await asyncio.sleep(2.5)
    assert (worker.events, worker.queue.outstanding) == (["prepared"], 5)
    await accept(bus, 1)
    await worker.came(1)
