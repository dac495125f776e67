"""A worker on the payments' queue, and helpers that fill and measure it."""

import asyncio
from collections.abc import Callable
from itertools import count

from services.bus.jetstream import api
from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.jetstream.publish import Duplicate, StoredAt, store
from services.bus.jetstream.state import consumer_state, stream_state
from services.bus.jetstream.work_queue import Delivery, WorkQueue
from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message
from tests.nats_server import until

ACK_WAIT_S = 600  # in most tests nothing must be redelivered only because the machine is slow


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
        """Create the consumer where it is missing; one that a test has changed stays."""
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
        """Wait for so many deliveries in total."""
        await until(lambda: len(self.deliveries) >= number, f"{number} deliveries")
        return self.deliveries

    async def ack_all(self, in_flight: int) -> None:
        """Ack all that comes, and pull more, until cancelled."""
        for done in count():
            while len(self.deliveries) <= done:
                if self.queue.is_open and self.queue.outstanding == 0:
                    self.queue.pull(in_flight)
                await asyncio.sleep(0.005)
            await self.queue.ack(self.deliveries[done].handle)


StartWorker = Callable[[Bus], Worker]


async def accept(bus: Bus, *ids: int) -> None:
    """Store payments."""
    for number in ids:
        while True:
            match await store(bus, "PAYMENTS", f"payments.accepted.{number}", b"%d" % number, message_id=str(number)):
                case StoredAt() | Duplicate():
                    break
                case _:
                    await asyncio.sleep(0.05)


async def nothing() -> None:
    """Ensure nothing."""


async def backlog(bus: Bus) -> int:
    """How many payments wait."""
    try:
        return (await stream_state(bus, "PAYMENTS")).messages
    except BusUnavailableError:
        return -1


async def until_backlog(bus: Bus, number: int) -> None:
    """Wait until so many payments wait."""

    async def is_so() -> bool:
        return await backlog(bus) == number

    await until(is_so, f"a backlog of {number}")


def message(status: str = "", reply: str = "", subject: str = "inbox.1.4") -> Message:
    """Return a message as from the client; ``status`` in the server's format, with the headers that follow."""
    return Message(subject, reply, b"", f"NATS/1.0 {status}\r\n\r\n".encode() if status else b"")
