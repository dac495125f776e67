"""Deliveries of a durable consumer: bounded, prepared for, acked, whatever happens to the server meanwhile."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from itertools import count

import pytest
import pytest_asyncio

from services.bus import api, pulls, work_queue
from services.bus.connection import Bus, BusAwayError
from services.bus.consumer import ensure_dispatcher
from services.bus.message import Message
from services.bus.publish import Duplicate, Stored, store
from services.bus.state import consumer_state, stream_state
from services.bus.streams import StreamLimits
from services.bus.work_queue import Delivery, WorkQueue, ack_numbers, delivery_of
from tests.integration.bus.conftest import Begin, Connect
from tests.nats_server import PATIENCE_S, NatsServer, until

ACK_WAIT_S = 600  # in most tests nothing shall come again only because the machine is slow
MAX_ACK_PENDING = 1000


class Worker:
    """A queue, and what happened to it in order: "prepared", or a delivery."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.events: list[str | Delivery] = []
        self.may_prepare = asyncio.Event()
        self.may_prepare.set()
        self.queue = WorkQueue(
            bus,
            "PAYMENTS",
            "dispatcher",
            ensure=self.ensure,
            prepare=self.prepare,
            deliver=self.events.append,
            acks_repeated=100,
        )

    async def ensure(self) -> None:
        """Make the consumer where it is missing; one that a test has changed stays."""
        try:
            await consumer_state(self.bus, "PAYMENTS", "dispatcher")
        except api.ApiError:
            await ensure_dispatcher(self.bus, ack_wait_s=ACK_WAIT_S)

    async def prepare(self) -> None:
        """Nothing is delivered before this has ended."""
        await self.may_prepare.wait()
        self.events.append("prepared")

    @property
    def deliveries(self) -> list[Delivery]:
        """All that was delivered."""
        return [event for event in self.events if isinstance(event, Delivery)]

    async def came(self, number: int) -> list[Delivery]:
        """Wait for so many deliveries in all."""
        await until(lambda: len(self.deliveries) >= number, f"{number} deliveries")
        return self.deliveries

    async def pump(self, in_flight: int) -> None:
        """Ack whatever comes, and ask for more, for ever."""
        for done in count():
            while len(self.deliveries) <= done:
                if self.queue.is_open and self.queue.outstanding == 0:
                    self.queue.pull(in_flight)
                await asyncio.sleep(0.005)
            await self.queue.ack(self.deliveries[done].handle)


Employ = Callable[[Bus], Worker]


@pytest_asyncio.fixture
async def employ(bus: Bus, streams: StreamLimits, begin: Begin) -> AsyncIterator[Employ]:
    """Starts a worker on a connection."""
    await ensure_dispatcher(bus, ack_wait_s=ACK_WAIT_S)

    def start(bus: Bus) -> Worker:
        worker = Worker(bus)
        begin(worker.queue.run())
        return worker

    yield start


@pytest_asyncio.fixture
async def worker(bus: Bus, employ: Employ) -> Worker:
    """A worker whose queue is open."""
    worker = employ(bus)
    await until(lambda: worker.queue.is_open, "the queue to open")
    return worker


async def accept(bus: Bus, *ids: int) -> None:
    """Store payments."""
    for number in ids:
        while True:
            match await store(bus, "PAYMENTS", f"payments.accepted.{number}", b"%d" % number, message_id=str(number)):
                case Stored() | Duplicate():
                    break
                case _:
                    await asyncio.sleep(0.05)


async def nothing() -> None:
    """Ensure nothing."""


async def backlog(bus: Bus) -> int:
    """How many payments wait."""
    try:
        return (await stream_state(bus, "PAYMENTS")).messages
    except BusAwayError:
        return -1


async def until_backlog(bus: Bus, number: int) -> None:
    """Wait until so many payments wait."""

    async def is_so() -> bool:
        return await backlog(bus) == number

    await until(is_so, f"a backlog of {number}")


async def test_never_more_than_asked_is_delivered(bus: Bus, worker: Worker) -> None:
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
    """It is not left open for those to come: they come together with the next one."""
    await accept(bus, 1, 2, 3)
    worker.queue.pull(10)
    await worker.came(3)
    await until(lambda: worker.queue.outstanding == 0, "its end")
    await accept(bus, 4, 5)
    assert len(worker.deliveries) == 3
    worker.queue.pull(10)
    await worker.came(5)


async def test_a_pull_where_nothing_waits_waits_for_the_first(bus: Bus, worker: Worker) -> None:
    """Nobody need ask an empty queue again and again; a second question meanwhile is not asked."""
    worker.queue.pull(10)
    worker.queue.pull(7)
    await bus.round_trip(PATIENCE_S)
    assert worker.queue.outstanding == 10
    await accept(bus, 1)
    await worker.came(1)
    await until(lambda: worker.queue.outstanding == 0, "its end")


async def test_acks_leave_together_before_the_next_pull(bus: Bus, worker: Worker) -> None:
    """An ack waits for company, but never lets a pull go first: the server might think that too much is in hand."""
    await ensure_dispatcher(bus, ack_wait_s=ACK_WAIT_S)
    await accept(bus, 1, 2, 3, 4)
    for came in (2, 4):
        worker.queue.pull(2)
        for delivery in (await worker.came(came))[-2:]:
            await worker.queue.ack(delivery.handle)
        await until(lambda: worker.queue.outstanding == 0, "its end")


@pytest.mark.parametrize("number", [0, -3])
async def test_asking_for_nothing_asks_for_nothing(bus: Bus, worker: Worker, number: int) -> None:
    """A full worker may say how much room it has without a look."""
    await accept(bus, 1)
    worker.queue.pull(number)
    await bus.round_trip(PATIENCE_S)
    assert (worker.queue.outstanding, worker.deliveries) == (0, [])


async def test_an_acked_payment_leaves_the_queue(bus: Bus, worker: Worker) -> None:
    """The length of the stream is the backlog."""
    await accept(bus, 1, 2)
    worker.queue.pull(1)
    await worker.queue.ack((await worker.came(1))[0].handle)
    await until_backlog(bus, 1)


async def test_prepare_runs_before_the_first_delivery_of_each_connection(
    nats_server: NatsServer, bus: Bus, worker: Worker
) -> None:
    """Until it has ended the queue is closed: nothing is asked for, so nothing can come."""
    await accept(bus, *range(20))
    worker.queue.pull(5)
    await worker.came(5)
    worker.may_prepare.clear()
    nats_server.restart()
    await until(lambda: bus.generation == 1 and bus.is_connected, "the reconnect")
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


async def test_prepare_that_fails_is_tried_again(
    bus: Bus, employ: Employ, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NATS may go away again in the middle of it, or JetStream not be ready."""
    monkeypatch.setattr(work_queue, "PREPARE_AGAIN_AFTER_S", 0.01)
    failures: list[Exception] = [BusAwayError("away"), api.ApiError(10008, "not ready")]

    async def prepare() -> None:
        if failures:
            raise failures.pop()

    queue = WorkQueue(
        bus, "PAYMENTS", "dispatcher", ensure=nothing, prepare=prepare, deliver=lambda _: None, acks_repeated=1
    )
    begin(queue.run())
    await until(lambda: queue.is_open, "the queue to open")
    assert not failures


async def test_a_bug_in_prepare_ends_run(bus: Bus, employ: Employ) -> None:
    """A mark that cannot be made must not be guessed."""

    async def prepare() -> None:
        raise ZeroDivisionError

    queue = WorkQueue(
        bus, "PAYMENTS", "dispatcher", ensure=nothing, prepare=prepare, deliver=lambda _: None, acks_repeated=1
    )
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(queue.run(), PATIENCE_S)


async def test_a_delivery_from_an_ended_connection_counts_as_redelivered(bus: Bus, worker: Worker) -> None:
    """What prepare read belongs to another connection, so nobody can say that this one is the first."""
    worker.queue.pull(1)
    bus.client.stats["reconnects"] += 1  # a reconnect whose listeners have not been told yet
    assert not worker.queue.is_open
    worker.queue.pull(1)  # not asked: the connection it belonged to has ended
    await accept(bus, 1)
    deliveries = await worker.came(1)
    assert deliveries[0].num_delivered == 2
    await until(lambda: worker.queue.is_open, "the queue to open anew")
    assert worker.events.count("prepared") == 2


async def test_a_lost_connection_to_a_living_server_is_prepared_for_anew(bus: Bus, worker: Worker) -> None:
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


async def test_a_flood_is_worked_off_across_kills_of_the_server(
    nats_server: NatsServer, bus: Bus, worker: Worker, begin: Begin, connect: Connect
) -> None:
    """The queue survives kill -9 in the middle, resumes by itself, and loses nothing."""
    await ensure_dispatcher(bus, ack_wait_s=2)
    begin(worker.pump(20))
    filling = begin(accept(await connect(), *range(600)))
    for share in (100, 300):
        await worker.came(share)
        nats_server.restart()
    await asyncio.wait_for(filling, PATIENCE_S)
    await until_backlog(bus, 0)
    assert {delivery.data for delivery in worker.deliveries} == {b"%d" % number for number in range(600)}


async def test_a_frozen_server_is_waited_for(
    hasty: None, nats_server: NatsServer, employ: Employ, begin: Begin, connect: Connect
) -> None:
    """After the thaw the queue goes on."""
    bus = await connect()
    worker = employ(bus)
    begin(worker.pump(5))
    await accept(bus, *range(10))
    await worker.came(10)
    nats_server.freeze()
    await until(lambda: not bus.is_connected, "the loss")
    nats_server.thaw()
    await until(lambda: bus.is_connected and worker.queue.is_open, "the queue to open")
    await accept(bus, *range(10, 20))
    await until_backlog(bus, 0)


async def test_acks_are_repeated_after_a_reconnect(nats_server: NatsServer, bus: Bus, worker: Worker) -> None:
    """An ack that could not be told is told before anything else is asked for."""
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


async def test_words_while_away_are_no_error(nats_server: NatsServer, bus: Bus, worker: Worker) -> None:
    """Whatever the worker says of a delivery is lost quietly: the delivery comes again."""
    await accept(bus, 1)
    worker.queue.pull(1)
    handle = (await worker.came(1))[0].handle
    nats_server.kill()
    await until(lambda: not bus.is_connected, "the loss")
    worker.queue.pull(1)
    await worker.queue.in_progress(handle)
    await worker.queue.nak(handle, 1)
    await worker.queue.ack(handle)


async def test_nak_gives_it_back_to_come_again_after_the_delay(bus: Bus, worker: Worker) -> None:
    """Here or at another worker; it then says that it was delivered before."""
    await accept(bus, 1)
    worker.queue.pull(1)
    first = (await worker.came(1))[0]
    began = asyncio.get_running_loop().time()
    await worker.queue.nak(first.handle, 0.5)
    worker.queue.pull(1)
    again = (await worker.came(2))[1]
    assert asyncio.get_running_loop().time() - began >= 0.45
    assert (again.seq, again.num_delivered) == (first.seq, 2)


async def test_in_progress_starts_the_wait_anew(bus: Bus, worker: Worker, begin: Begin) -> None:
    """Who keeps saying so keeps the payment; the one beside it comes again."""
    await ensure_dispatcher(bus, ack_wait_s=2)
    await accept(bus, 1, 2)
    worker.queue.pull(10)
    held, left = await worker.came(2)

    async def hold() -> None:
        while True:
            await worker.queue.in_progress(held.handle)
            worker.queue.pull(10)
            await asyncio.sleep(0.05)

    begin(hold())
    await worker.came(4)
    assert {delivery.seq for delivery in worker.deliveries[2:]} == {left.seq}
    assert [delivery.num_delivered for delivery in worker.deliveries[2:4]] == [2, 3]


@pytest.mark.parametrize("asked", [5, 0], ids=["while_asked", "while_idle"])
async def test_a_deleted_consumer_is_made_again(
    bus: Bus, worker: Worker, begin: Begin, caplog: pytest.LogCaptureFixture, asked: int
) -> None:
    """Payments go on within seconds, prepared for anew, and the log says what happened, once."""
    worker.queue.pull(asked)
    await bus.round_trip(PATIENCE_S)
    await api.call(bus, "CONSUMER.DELETE.PAYMENTS.dispatcher")
    began = asyncio.get_running_loop().time()
    begin(worker.pump(5))
    await accept(bus, 1, 2)
    await worker.came(2)
    assert asyncio.get_running_loop().time() - began < pulls.PULL_EXPIRES_S / 2
    await until_backlog(bus, 0)
    assert worker.events[:2] == ["prepared"] * 2
    said = [line for line in caplog.messages if line.startswith("work_queue.consumer")]
    assert said == ["work_queue.consumer_gone", "work_queue.consumer_made_again"]


async def test_a_consumer_lost_in_a_crash_is_made_again(
    nats_server: NatsServer, bus: Bus, worker: Worker, begin: Begin
) -> None:
    """The reconnect finds it missing; what was not acked comes again."""
    begin(worker.pump(5))
    await accept(bus, 1)
    await until_backlog(bus, 0)
    nats_server.kill()
    shutil.rmtree(nats_server.folder / "store/jetstream/$G/streams/PAYMENTS/obs/dispatcher")
    nats_server.start()
    await until(lambda: bus.generation == 1 and bus.is_connected, "the reconnect")
    await accept(bus, 2)
    await worker.came(2)
    await until_backlog(bus, 0)


async def test_a_deleted_stream_is_noticed(bus: Bus, worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    """With the stream its consumer is gone."""
    worker.queue.pull(5)
    await bus.round_trip(PATIENCE_S)
    await api.call(bus, "STREAM.DELETE.PAYMENTS")
    await until(lambda: "work_queue.consumer_gone" in caplog.messages, "the log")


async def test_expired_pulls_can_be_asked_again(bus: Bus, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server says how many will not come, so that they are asked for again."""
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


async def test_a_refused_pull_is_forgotten_after_a_pause(
    bus: Bus, streams: StreamLimits, connect: Connect, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not counted for ever; nor forgotten at once, for it would be asked again in a circle."""
    monkeypatch.setattr(pulls, "_REFUSED_PAUSE_S", 0.3)
    config = {"durable_name": "dispatcher", "name": "dispatcher", "ack_policy": "explicit", "max_waiting": 1}
    request = {"stream_name": "PAYMENTS", "config": config}
    await api.call(bus, "CONSUMER.CREATE.PAYMENTS.dispatcher", request)
    workers = [Worker(bus), Worker(await connect())]
    for worker in workers:
        begin(worker.queue.run())
        await until(lambda worker=worker: worker.queue.is_open, "the queue to open")
        worker.queue.pull(2)
        await worker.bus.round_trip(PATIENCE_S)
    first, second = workers
    assert (first.queue.outstanding, second.queue.outstanding) == (2, 2)
    await until(lambda: second.queue.outstanding == 0, "the refused to be forgotten")
    assert first.queue.outstanding == 2
    await accept(bus, 1)
    await first.came(1)


async def test_two_workers_share(bus: Bus, employ: Employ, connect: Connect, begin: Begin) -> None:
    """Each payment comes to one of them, and neither is left out."""
    workers = [employ(bus), employ(await connect())]
    for worker in workers:
        begin(worker.pump(1))
    for number in range(10):  # each is delivered to the one that has waited longer
        await accept(bus, 2 * number, 2 * number + 1)
    await until_backlog(bus, 0)
    first, second = [[delivery.seq for delivery in worker.deliveries] for worker in workers]
    assert sorted(first + second) == list(range(1, 21))
    assert first
    assert second


async def test_what_a_dead_worker_held_comes_to_another(
    bus: Bus, employ: Employ, connect: Connect, begin: Begin
) -> None:
    """After ack_wait, and it says that it was delivered before."""
    await ensure_dispatcher(bus, ack_wait_s=1)
    dying = await connect()
    first, second = employ(dying), employ(bus)
    await until(lambda: first.queue.is_open and second.queue.is_open, "the queues to open")
    await accept(bus, *range(3))
    first.queue.pull(3)
    await first.came(3)
    await dying.close()
    begin(second.pump(3))
    deliveries = await second.came(3)
    assert [delivery.num_delivered for delivery in deliveries] == [2, 2, 2]


async def test_a_bug_in_deliver_does_not_stop_the_queue(bus: Bus, employ: Employ, begin: Begin) -> None:
    """That one is not acked and comes again; the next ones are delivered."""
    seen: list[int] = []

    def deliver(delivery: Delivery) -> None:
        seen.append(delivery.seq)
        if delivery.seq == 1:
            raise ZeroDivisionError

    async def prepare() -> None:
        pass

    queue = WorkQueue(bus, "PAYMENTS", "dispatcher", ensure=nothing, prepare=prepare, deliver=deliver, acks_repeated=1)
    begin(queue.run())
    await until(lambda: queue.is_open, "the queue to open")
    await accept(bus, 1, 2)
    queue.pull(2)
    await until(lambda: seen == [1, 2], "both")


async def test_a_cancelled_queue_leaves_no_subscription(bus: Bus, employ: Employ) -> None:
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


async def test_pulls_that_never_end_are_forgotten(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server's word was lost they are forgotten at the second look after their time, not at the first."""
    monkeypatch.setattr(pulls, "PULL_EXPIRES_S", 0.05)
    monkeypatch.setattr(pulls, "_EXPIRY_GRACE_S", 0.05)
    asked = pulls.Pulls(bus, "PAYMENTS", "dispatcher", "nobody.hears", heartbeat_s=60)
    asked.ask(5)
    asked.forget_if_overdue()
    assert asked.outstanding == 5
    await asyncio.sleep(0.2)
    asked.forget_if_overdue()
    assert asked.outstanding == 5  # the first look after a freeze comes before the socket has been read
    asked.forget_if_overdue()
    assert asked.outstanding == 0


async def test_heartbeats_that_are_missed_are_noticed(bus: Bus) -> None:
    """At the second look after two of them, long before the requests would expire; not while any word comes."""
    asked = pulls.Pulls(bus, "PAYMENTS", "dispatcher", "nobody.hears", heartbeat_s=0.05)
    await asyncio.sleep(0.2)
    asked.ask(5)
    asked.forget_if_overdue()
    asked.forget_if_overdue()
    assert (asked.outstanding, asked.is_silent) == (5, False)  # nothing was to be said before it was asked
    await asyncio.sleep(0.2)
    asked.forget_if_overdue()
    assert asked.is_status(message("100 Idle Heartbeat"))
    asked.forget_if_overdue()
    assert (asked.outstanding, asked.is_silent) == (5, False)
    await asyncio.sleep(0.2)
    asked.forget_if_overdue()
    asked.forget_if_overdue()
    assert (asked.outstanding, asked.is_silent) == (0, True)


async def test_a_silent_queue_is_opened_anew(
    bus: Bus, employ: Employ, begin: Begin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A consumer whose node died says nothing; what is asked of the next one is answered."""
    monkeypatch.setattr(work_queue, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(work_queue, "EXPIRY_CHECK_EVERY_S", 0.1)
    worker = employ(bus)
    await until(lambda: worker.queue.is_open, "the queue to open")
    await bus.listen("silence", lambda _: None)
    worker.queue._pulls._subject = "silence"
    await accept(bus, 1)
    begin(worker.pump(5))
    await worker.came(1)
    assert worker.events[:2] == ["prepared"] * 2
    assert caplog.messages.count("work_queue.silent") == 1


async def test_an_idle_queue_is_not_silent(bus: Bus, employ: Employ, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server says that it is there while nothing waits."""
    monkeypatch.setattr(work_queue, "HEARTBEAT_S", 0.5)
    monkeypatch.setattr(work_queue, "EXPIRY_CHECK_EVERY_S", 0.3)
    worker = employ(bus)
    await until(lambda: worker.queue.is_open, "the queue to open")
    worker.queue.pull(5)
    await asyncio.sleep(2.5)
    assert (worker.events, worker.queue.outstanding) == (["prepared"], 5)
    await accept(bus, 1)
    await worker.came(1)


async def test_one_request_asks_for_no_more_than_its_bound(bus: Bus) -> None:
    """A bound on everything."""
    asked = pulls.Pulls(bus, "PAYMENTS", "dispatcher", "nobody.hears", heartbeat_s=60)
    asked.ask(1_000_000)
    assert asked.outstanding == 1_000


def message(status: str = "", reply: str = "", subject: str = "inbox.1.4") -> Message:
    """A message as the client gives it; ``status`` as the server writes it, with the headers that follow."""
    return Message(subject, reply, b"", f"NATS/1.0 {status}\r\n\r\n".encode() if status else b"")


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
async def test_what_a_status_says_of_the_requests(bus: Bus, status: str, outstanding: int, *, gone: bool) -> None:
    """Ten asked for; a status is no delivery, and changes what is still to come."""
    asked = pulls.Pulls(bus, "PAYMENTS", "dispatcher", "nobody.hears", heartbeat_s=60)
    asked.ask(10)
    assert asked.is_status(message(status))
    assert (asked.outstanding, asked.consumer_gone) == (outstanding, gone)


async def test_a_delivery_with_a_header_named_status_is_a_delivery(bus: Bus) -> None:
    """Only what has no ack subject is the server speaking."""
    asked = pulls.Pulls(bus, "PAYMENTS", "dispatcher", "nobody.hears", heartbeat_s=60)
    asked.ask(10)
    assert not asked.is_status(message("409", reply="$JS.ACK.PAYMENTS.d.1.2.3.4.5"))
    assert asked.outstanding == 9


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


def test_delivery_of_refuses_what_is_none() -> None:
    """A message that nobody can ack is not taken for a payment."""
    with pytest.raises(ValueError, match="not an ack subject"):
        delivery_of(message(reply="_INBOX.abc"))
