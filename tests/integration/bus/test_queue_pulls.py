"""Pulls of a queue: no more is delivered than was asked for, and what will not come is asked for again."""

import asyncio

import pytest

from services.bus.jetstream import api, work_queue
from services.bus.jetstream import pull_requests as pulls
from services.bus.jetstream.state import consumer_state
from services.bus.jetstream.streams import StreamLimits
from services.bus.wire.connection import Bus
from tests.integration.bus.conftest import Connect, StartTask
from tests.integration.bus.queue_worker import Worker, accept, message
from tests.nats_server import PATIENCE_S, until


async def test_never_more_is_delivered_than_was_pulled(bus: Bus, worker: Worker) -> None:
    """What the worker cannot hold stays on the server."""
    await accept(bus, *range(50))
    worker.queue.pull(10)
    await worker.came(10)
    await bus.round_trip(PATIENCE_S)
    assert (await consumer_state(bus, "PAYMENTS", "dispatcher")).pending == 40
    assert len(worker.deliveries) == 10
    assert worker.queue.outstanding == 0
    worker.queue.pull(5)
    deliveries = await worker.came(15)
    assert [delivery.seq for delivery in deliveries] == list(range(1, 16))
    assert deliveries[0].pending in {48, 49}  # the server counts while it stores, and is one off now and then
    assert deliveries[0].num_delivered == 1
    assert (deliveries[7].data, deliveries[7].subject) == (b"7", "payments.accepted.7")


async def test_a_pull_is_over_once_what_waited_has_come(bus: Bus, worker: Worker) -> None:
    """It does not stay open for later messages: they come together with the next pull."""
    await accept(bus, 1, 2, 3)
    worker.queue.pull(10)
    await worker.came(3)
    await until(lambda: worker.queue.outstanding == 0, "its end")
    await accept(bus, 4, 5)
    assert len(worker.deliveries) == 3
    worker.queue.pull(10)
    await worker.came(5)


async def test_a_pull_where_nothing_waits_waits_for_the_first(bus: Bus, worker: Worker) -> None:
    """An empty queue need not be polled; a second pull meanwhile is not sent."""
    worker.queue.pull(10)
    worker.queue.pull(7)
    await bus.round_trip(PATIENCE_S)
    assert worker.queue.outstanding == 10
    await accept(bus, 1)
    await worker.came(1)
    await until(lambda: worker.queue.outstanding == 0, "its end")


@pytest.mark.parametrize("number", [0, -3])
async def test_a_pull_of_none_sends_no_request(bus: Bus, worker: Worker, number: int) -> None:
    """A full worker may pass its free room without checking it."""
    await accept(bus, 1)
    worker.queue.pull(number)
    await bus.round_trip(PATIENCE_S)
    assert (worker.queue.outstanding, worker.deliveries) == (0, [])


async def test_expired_pulls_can_be_sent_again(bus: Bus, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server returns how many will not come, so that they are pulled again."""
    monkeypatch.setattr(pulls, "PULL_EXPIRES_S", 0.2)
    worker.queue._pulls._heartbeat_s = 0.05
    await accept(bus, 1)
    worker.queue.pull(5)
    await worker.came(1)
    await until(lambda: worker.queue.outstanding == 0, "the expiry")
    worker.queue.pull(5)
    await accept(bus, 2)
    await worker.came(2)
    assert worker.queue.is_open


async def test_a_pull_that_the_server_drops_is_forgotten(
    bus: Bus, streams: StreamLimits, connect: Connect, start_task: StartTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two missed heartbeats end it: the consumer holds one pull and sends nothing for the other."""
    monkeypatch.setattr(work_queue, "EXPIRY_CHECK_EVERY_S", 0.1)
    config = {"durable_name": "dispatcher", "name": "dispatcher", "ack_policy": "explicit", "max_waiting": 1}
    request = {"stream_name": "PAYMENTS", "config": config}
    await api.call(bus, "CONSUMER.CREATE.PAYMENTS.dispatcher", request)
    workers = [Worker(bus), Worker(await connect())]
    for worker in workers:
        start_task(worker.queue.run())
        await until(lambda worker=worker: worker.queue.is_open, "the queue to open")
    first, second = workers
    assert second.queue._pulls
    second.queue._pulls._heartbeat_s = 0.1
    for worker in workers:
        worker.queue.pull(2)
        await worker.bus.round_trip(PATIENCE_S)
    await until(lambda: second.queue.outstanding == 0, "the dropped pull to be forgotten")
    assert first.queue.outstanding == 2
    await accept(bus, 1)
    await first.came(1)


async def test_a_refused_pull_is_forgotten_after_a_pause(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not counted for ever; nor forgotten at once, for it would be sent again in a loop."""
    monkeypatch.setattr(pulls, "_REFUSED_PAUSE_S", 0.05)
    asked = pulls.PullRequests(bus, "PAYMENTS", "dispatcher", "no.subscriber", heartbeat_s=60)
    asked.ask(10)
    assert asked.is_status(message("409 Exceeded MaxWaiting", subject="inbox.1.4"))
    assert asked.outstanding == 10
    await until(lambda: asked.outstanding == 6, "the refused ones to be forgotten")


async def test_pulls_that_never_end_are_forgotten(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a status they are forgotten at the second check after their expiry, not at the first."""
    monkeypatch.setattr(pulls, "PULL_EXPIRES_S", 0.05)
    monkeypatch.setattr(pulls, "_EXPIRY_GRACE_S", 0.05)
    asked = pulls.PullRequests(bus, "PAYMENTS", "dispatcher", "no.subscriber", heartbeat_s=60)
    asked.ask(5)
    asked.forget_if_overdue()
    assert asked.outstanding == 5
    await asyncio.sleep(0.2)
    asked.forget_if_overdue()
    assert asked.outstanding == 5  # the first check after a freeze comes before the socket has been read
    asked.forget_if_overdue()
    assert asked.outstanding == 0


async def test_heartbeats_that_are_missed_are_noticed(bus: Bus) -> None:
    """At the second check after two of them, long before the requests expire; not while any message comes."""
    asked = pulls.PullRequests(bus, "PAYMENTS", "dispatcher", "no.subscriber", heartbeat_s=0.05)
    await asyncio.sleep(0.2)
    asked.ask(5)
    asked.forget_if_overdue()
    asked.forget_if_overdue()
    assert (asked.outstanding, asked.is_silent) == (5, False)  # no heartbeat was due before the request
    await asyncio.sleep(0.2)
    asked.forget_if_overdue()
    assert asked.is_status(message("100 Idle Heartbeat"))
    asked.forget_if_overdue()
    assert (asked.outstanding, asked.is_silent) == (5, False)
    await asyncio.sleep(0.2)
    asked.forget_if_overdue()
    asked.forget_if_overdue()
    assert (asked.outstanding, asked.is_silent) == (0, True)


async def test_one_request_pulls_no_more_than_its_bound(bus: Bus) -> None:
    """A bound on everything."""
    asked = pulls.PullRequests(bus, "PAYMENTS", "dispatcher", "no.subscriber", heartbeat_s=60)
    asked.ask(1_000_000)
    assert asked.outstanding == 1_000


@pytest.mark.parametrize(
    ("status", "outstanding", "gone"),
    [
        ("100 Idle Heartbeat", 10, False),
        ("408 Request Timeout\r\nNats-Pending-Messages: 3", 7, False),
        ("409 Message Size Exceeds MaxBytes\r\nNats-Pending-Messages: 99", 0, False),
        ("409 Consumer Deleted", 0, True),
        ("503", 0, True),
        ("409 Exceeded MaxWaiting", 10, False),
    ],
)
async def test_a_status_changes_what_is_outstanding(bus: Bus, status: str, outstanding: int, *, gone: bool) -> None:
    """Of ten; a status is not a delivery, and changes what is still to come."""
    asked = pulls.PullRequests(bus, "PAYMENTS", "dispatcher", "no.subscriber", heartbeat_s=60)
    asked.ask(10)
    assert asked.is_status(message(status))
    assert (asked.outstanding, asked.consumer_gone) == (outstanding, gone)


async def test_a_delivery_with_a_header_named_status_is_a_delivery(bus: Bus) -> None:
    """Only what has no ack subject is a status of the server."""
    asked = pulls.PullRequests(bus, "PAYMENTS", "dispatcher", "no.subscriber", heartbeat_s=60)
    asked.ask(10)
    assert not asked.is_status(message("409", reply="$JS.ACK.PAYMENTS.d.1.2.3.4.5"))
    assert asked.outstanding == 9
