"""Several workers on one queue, and a worker that fails or stops: no delivery is lost."""

import asyncio

import pytest

from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.jetstream.work_queue import Delivery, WorkQueue
from services.bus.wire.connection import Bus
from tests.integration.bus.conftest import Connect, StartTask
from tests.integration.bus.queue_worker import StartWorker, Worker, accept, nothing, until_backlog
from tests.nats_server import PATIENCE_S, until


async def test_two_workers_share_the_deliveries(
    bus: Bus, start_worker: StartWorker, connect: Connect, start_task: StartTask
) -> None:
    """Each payment comes to one of them, and neither is left out."""
    workers = [start_worker(bus), start_worker(await connect())]
    for worker in workers:
        start_task(worker.ack_all(1))
    for number in range(10):  # each is delivered to the one that has waited longer
        await accept(bus, 2 * number, 2 * number + 1)
    await until_backlog(bus, 0)
    first, second = [[delivery.seq for delivery in worker.deliveries] for worker in workers]
    assert sorted(first + second) == list(range(1, 21))
    assert first
    assert second


async def test_what_a_dead_worker_held_is_delivered_to_another(
    bus: Bus, start_worker: StartWorker, connect: Connect, start_task: StartTask
) -> None:
    """After ack_wait, with a count of deliveries above one."""
    await ensure_dispatcher(bus, ack_wait_s=1)
    dying = await connect()
    first, second = start_worker(dying), start_worker(bus)
    await until(lambda: first.queue.is_open and second.queue.is_open, "the queues to open")
    await accept(bus, *range(3))
    first.queue.pull(3)
    await first.came(3)
    await dying.close()
    start_task(second.ack_all(3))
    deliveries = await second.came(3)
    assert [delivery.num_delivered for delivery in deliveries] == [2, 2, 2]


async def test_a_bug_in_deliver_does_not_stop_the_queue(
    bus: Bus, start_worker: StartWorker, start_task: StartTask
) -> None:
    """That one is not acked and comes again; the next ones are delivered."""
    seen: list[int] = []

    def deliver(delivery: Delivery) -> None:
        seen.append(delivery.seq)
        if delivery.seq == 1:
            raise ZeroDivisionError

    async def prepare() -> None:
        pass

    queue = WorkQueue(bus, "PAYMENTS", "dispatcher", ensure=nothing, prepare=prepare, deliver=deliver, acks_repeated=1)
    start_task(queue.run())
    await until(lambda: queue.is_open, "the queue to open")
    await accept(bus, 1, 2)
    queue.pull(2)
    await until(lambda: seen == [1, 2], "both")


async def test_a_cancelled_queue_leaves_no_subscription(bus: Bus, start_worker: StartWorker) -> None:
    """A service that stops taking payments stays connected for the rest of its work."""
    await bus.round_trip(PATIENCE_S)
    before = len(bus.client._subs)
    worker = Worker(bus)
    running = asyncio.create_task(worker.queue.run())
    await until(lambda: worker.queue.is_open, "the queue to open")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(bus.client._subs) == before
    assert not worker.queue.is_open
    worker.queue.pull(1)
    assert worker.queue.outstanding == 0
