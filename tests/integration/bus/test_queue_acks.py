"""Acks, naks and extensions of a delivery: an ack is never lost, and each has the effect that NATS gives it."""

import asyncio

import pytest

from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.jetstream.work_queue import Delivery, ack_numbers, delivery_of
from services.bus.wire.connection import Bus
from services.bus.wire.message import Message
from tests.integration.bus.conftest import StartTask
from tests.integration.bus.queue_worker import ACK_WAIT_S, Worker, accept, message, until_backlog
from tests.nats_server import NatsServer, until


async def test_acks_leave_together_before_the_next_pull(bus: Bus, worker: Worker) -> None:
    """They are written together, but always before a pull: the server would otherwise count them as pending."""
    await ensure_dispatcher(bus, ack_wait_s=ACK_WAIT_S)
    await accept(bus, 1, 2, 3, 4)
    for came in (2, 4):
        worker.queue.pull(2)
        for delivery in (await worker.came(came))[-2:]:
            await worker.queue.ack(delivery.handle)
        await until(lambda: worker.queue.outstanding == 0, "its end")


async def test_an_acked_payment_leaves_the_queue(bus: Bus, worker: Worker) -> None:
    """The length of the stream is the backlog."""
    await accept(bus, 1, 2)
    worker.queue.pull(1)
    await worker.queue.ack((await worker.came(1))[0].handle)
    await until_backlog(bus, 1)


async def test_acks_are_repeated_after_a_reconnect(nats_server: NatsServer, bus: Bus, worker: Worker) -> None:
    """An ack that could not be sent is sent before the next pull."""
    await accept(bus, 1, 2, 3)
    worker.queue.pull(3)
    deliveries = await worker.came(3)
    nats_server.stop()
    await until(lambda: not bus.is_connected, "the loss")
    for delivery in deliveries[:2]:
        await worker.queue.ack(delivery.handle)
    nats_server.start()
    await until_backlog(bus, 1)
    assert len(worker.deliveries) == 3


async def test_acks_and_naks_while_away_raise_nothing(nats_server: NatsServer, bus: Bus, worker: Worker) -> None:
    """They are lost without an error: the delivery comes again."""
    await accept(bus, 1)
    worker.queue.pull(1)
    handle = (await worker.came(1))[0].handle
    nats_server.kill()
    await until(lambda: not bus.is_connected, "the loss")
    worker.queue.pull(1)
    await worker.queue.in_progress(handle)
    await worker.queue.nak(handle, 1)
    await worker.queue.ack(handle)


async def test_a_nak_has_it_delivered_again_after_the_delay(bus: Bus, worker: Worker) -> None:
    """To this worker or another; its count of deliveries shows that it was delivered before."""
    await accept(bus, 1)
    worker.queue.pull(1)
    first = (await worker.came(1))[0]
    began = asyncio.get_running_loop().time()
    await worker.queue.nak(first.handle, 0.5)
    worker.queue.pull(1)
    again = (await worker.came(2))[1]
    assert asyncio.get_running_loop().time() - began >= 0.45
    assert (again.seq, again.num_delivered) == (first.seq, 2)


async def test_in_progress_restarts_the_wait(bus: Bus, worker: Worker, start_task: StartTask) -> None:
    """A payment that is reported in progress is kept; the other one comes again."""
    await ensure_dispatcher(bus, ack_wait_s=2)
    await accept(bus, 1, 2)
    worker.queue.pull(10)
    held, left = await worker.came(2)

    async def hold() -> None:
        while True:
            await worker.queue.in_progress(held.handle)
            worker.queue.pull(10)
            await asyncio.sleep(0.05)

    start_task(hold())
    await worker.came(4)
    assert {delivery.seq for delivery in worker.deliveries[2:]} == {left.seq}
    assert [delivery.num_delivered for delivery in worker.deliveries[2:4]] == [2, 3]


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.PAYMENTS.dispatcher.1.22.333.1795346266733712768.5",
        "$JS.ACK.hub.ACCHASH.PAYMENTS.dispatcher.1.22.333.1795346266733712768.5",
        "$JS.ACK._.ACCHASH.PAYMENTS.dispatcher.1.22.333.1795346266733712768.5.random",
    ],
)
def test_delivery_of_reads_every_form_of_ack_subject(reply: str) -> None:
    """With and without domain and account."""
    came = Message("payments.accepted.1", reply, b"x")
    assert delivery_of(came) == Delivery(22, 1, 5, b"x", "payments.accepted.1", reply, 1795346266733712768)
    assert ack_numbers(came).consumer_seq == 333


def test_delivery_of_rejects_other_messages() -> None:
    """A message without an ack subject is not taken for a payment."""
    with pytest.raises(ValueError, match="not an ack subject"):
        delivery_of(message(reply="_INBOX.abc"))
