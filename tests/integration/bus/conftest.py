"""Fixtures of the bus's tests: further connections, tasks that end with the test, short timeouts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
import pytest_asyncio

from services.bus.jetstream.consumer import ensure_dispatcher
from services.bus.jetstream.streams import StreamLimits
from services.bus.wire import connection
from services.bus.wire.connection import Bus
from tests.integration.bus.queue_worker import ACK_WAIT_S, StartWorker, Worker
from tests.nats_server import NatsServer, until

Connect = Callable[[], Awaitable[Bus]]
StartTask = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


@pytest_asyncio.fixture
async def connect(nats_server: NatsServer) -> AsyncIterator[Connect]:
    """Makes another connection, as of another service."""
    made = []

    async def another() -> Bus:
        made.append(await Bus.connect(nats_server.url, f"test-{len(made) + 2}"))
        return made[-1]

    yield another
    for bus in made:
        await bus.close()


@pytest_asyncio.fixture
async def start_task() -> AsyncIterator[StartTask]:
    """Starts a task; it is cancelled at the end of the test, and what it raised is raised there."""
    tasks: list[asyncio.Task[None]] = []

    def beside(story: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        tasks.append(asyncio.create_task(story))
        return tasks[-1]

    yield beside
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the timeouts of the bus from half a minute to a second or two; must be set up before the connection."""
    monkeypatch.setattr(connection, "PING_INTERVAL_S", 0.3)
    monkeypatch.setattr(connection, "ROUND_TRIP_EVERY_S", 0.1)
    monkeypatch.setattr(connection, "ROUND_TRIP_MAX_S", 0.2)
    monkeypatch.setattr(connection, "DRAIN_TIMEOUT_S", 0.5)


@pytest_asyncio.fixture
async def start_worker(bus: Bus, streams: StreamLimits, start_task: StartTask) -> AsyncIterator[StartWorker]:
    """Starts a worker on a connection."""
    await ensure_dispatcher(bus, ack_wait_s=ACK_WAIT_S)

    def start(bus: Bus) -> Worker:
        worker = Worker(bus)
        start_task(worker.queue.run())
        return worker

    yield start


@pytest_asyncio.fixture
async def worker(bus: Bus, start_worker: StartWorker) -> Worker:
    """A worker whose queue is open."""
    worker = start_worker(bus)
    await until(lambda: worker.queue.is_open, "the queue to open")
    return worker
