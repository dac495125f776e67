"""What the tests of the bus share: further connections, tasks that end with the test, short waits of the bus."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
import pytest_asyncio

from services.bus import connection
from services.bus.connection import Bus
from tests.nats_server import NatsServer

Connect = Callable[[], Awaitable[Bus]]
Begin = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


@pytest_asyncio.fixture
async def connect(nats_server: NatsServer) -> AsyncIterator[Connect]:
    """Makes another connection, as another service would."""
    made = []

    async def another() -> Bus:
        made.append(await Bus.connect(nats_server.url, f"test-{len(made) + 2}"))
        return made[-1]

    yield another
    for bus in made:
        await bus.close()


@pytest_asyncio.fixture
async def begin() -> AsyncIterator[Begin]:
    """Runs something beside the test; it is cancelled at the end, and what it raised meanwhile is raised there."""
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
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the bus notice within a second or two what it otherwise notices within half a minute; ask for it first."""
    monkeypatch.setattr(connection, "PING_INTERVAL_S", 0.3)
    monkeypatch.setattr(connection, "ROUND_TRIP_EVERY_S", 0.1)
    monkeypatch.setattr(connection, "ROUND_TRIP_MAX_S", 0.2)
    monkeypatch.setattr(connection, "DRAIN_TIMEOUT_S", 0.5)
