"""On each connection a queue is prepared before anything is delivered."""

import asyncio

import pytest

from services.bus.jetstream import api, work_queue
from services.bus.jetstream.work_queue import Delivery, WorkQueue
from services.bus.wire.connection import Bus, BusUnavailableError
from tests.integration.bus.conftest import StartTask
from tests.integration.bus.queue_worker import StartWorker, Worker, accept, nothing
from tests.nats_server import PATIENCE_S, NatsServer, until


async def test_prepare_runs_before_the_first_delivery_of_each_connection(
    nats_server: NatsServer, bus: Bus, worker: Worker
) -> None:
    """Until it has ended the queue is closed: nothing is asked for, so nothing can come."""
    await accept(bus, *range(20))
    worker.queue.pull(5)
    await worker.came(5)
    worker.may_prepare.clear()
    nats_server.restart()
    await until(lambda: bus.reconnects == 1 and bus.is_connected, "the reconnect")
    await until(lambda: not worker.queue.is_open, "the queue to close")
    worker.queue.pull(5)
    await bus.round_trip(PATIENCE_S)
    assert (len(worker.deliveries), worker.queue.outstanding) == (5, 0)
    worker.may_prepare.set()
    await until(lambda: worker.queue.is_open, "the queue to open")
    worker.queue.pull(5)
    await worker.came(10)
    kinds = ["delivery" if isinstance(event, Delivery) else event for event in worker.events]
    assert kinds[0] == "prepared"
    assert "prepared" in kinds[6:]
    assert kinds[-5:] == ["delivery"] * 5


async def test_prepare_that_fails_is_retried(
    bus: Bus, start_worker: StartWorker, start_task: StartTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NATS may go away again in the middle of it, or JetStream not be ready."""
    monkeypatch.setattr(work_queue, "PREPARE_AGAIN_AFTER_S", 0.01)
    failures: list[Exception] = [BusUnavailableError("away"), api.ApiError(10008, "not ready")]

    async def prepare() -> None:
        if failures:
            raise failures.pop()

    queue = WorkQueue(
        bus, "PAYMENTS", "dispatcher", ensure=nothing, prepare=prepare, deliver=lambda _: None, acks_repeated=1
    )
    start_task(queue.run())
    await until(lambda: queue.is_open, "the queue to open")
    assert not failures


async def test_a_bug_in_prepare_ends_run(bus: Bus, start_worker: StartWorker) -> None:
    """A mark that cannot be stored must not be guessed."""

    async def prepare() -> None:
        raise ZeroDivisionError

    queue = WorkQueue(
        bus, "PAYMENTS", "dispatcher", ensure=nothing, prepare=prepare, deliver=lambda _: None, acks_repeated=1
    )
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(queue.run(), PATIENCE_S)


async def test_a_delivery_from_an_ended_connection_counts_as_redelivered(bus: Bus, worker: Worker) -> None:
    """What prepare read belongs to another connection, so it is not known that this delivery is the first."""
    worker.queue.pull(1)
    bus.client.stats["reconnects"] += 1  # a reconnect whose listeners have not been called yet
    assert not worker.queue.is_open
    worker.queue.pull(1)  # not asked: the connection it belonged to has ended
    await accept(bus, 1)
    deliveries = await worker.came(1)
    assert deliveries[0].num_delivered == 2
    await until(lambda: worker.queue.is_open, "the queue to open anew")
    assert worker.events.count("prepared") == 2


async def test_a_lost_connection_to_a_running_server_is_prepared_for_again(bus: Bus, worker: Worker) -> None:
    """The pulls of the old connection are forgotten on both sides."""
    worker.queue.pull(100)
    bus.client._transport._io_writer.transport.abort()
    await until(lambda: worker.events == ["prepared"] * 2, "prepare")
    await until(lambda: worker.queue.is_open, "the queue to open anew")
    assert worker.queue.outstanding == 0
    await accept(bus, *range(10))
    worker.queue.pull(3)
    await worker.came(3)
    assert worker.queue.outstanding == 0
