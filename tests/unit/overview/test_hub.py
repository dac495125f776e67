"""The hub: all pages get the same, nothing is asked while no page is open, and a page that does not read is dropped."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import orjson
import pytest

from services.clock import SystemClock
from services.contracts.pulse import Pulse
from services.overview.adapters import hub as hub_module
from services.overview.adapters.hub import EVENTS_WAITING_MAX, PAGES_MAX, PAGES_PER_ADDRESS_MAX, Hub, OpenPage
from services.overview.core.open_limit import LimitReached
from services.overview.core.vitals import Backlog, Vitals
from tests.nats_server import until
from tests.unit.overview.pulses import PROCESSORS, ingress


class FakeVitalsSource:
    """Vitals that a test makes; ``receive`` is the subscriber now."""

    def __init__(self) -> None:
        self.receive: Callable[[Pulse], None] | None = None
        self.asked = 0
        self.asked_at_s = 0.0
        self.listened = 0

    @asynccontextmanager
    async def pulses(self, receive: Callable[[Pulse], None]) -> AsyncIterator[None]:
        """Keep the receiver."""
        self.receive = receive
        self.listened += 1
        yield
        self.receive = None
        await asyncio.sleep(0)  # as ending a subscription takes a turn of the loop

    async def backlog(self) -> Backlog | None:
        """Answer at once."""
        self.asked += 1
        self.asked_at_s = asyncio.get_running_loop().time()
        return Backlog(3, 0.5, 7)


class Running:
    """A hub that runs, with seconds of a few milliseconds."""

    def __init__(self) -> None:
        self.source = FakeVitalsSource()
        self.hub = Hub(self.source, partial(Vitals, PROCESSORS), SystemClock())
        self.aborted: list[str] = []

    def open(self, name: str = "page", address: str = "") -> OpenPage:
        """Open a page."""
        page = self.hub.join(lambda: self.aborted.append(name), address)
        assert isinstance(page, OpenPage)
        return page


@pytest.fixture
async def running(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """A running hub."""
    monkeypatch.setattr(hub_module, "SEND_EVERY_S", 0.005)
    one = Running()
    task = asyncio.create_task(one.hub.run())
    yield one
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def document(event: bytes) -> dict[str, Any]:
    """Return an event's document."""
    first, second, *rest = event.split(b"\n")
    assert (first, rest) == (b"event: vitals", [b"", b""])
    return dict(orjson.loads(second.removeprefix(b"data: ")))


async def next_event(page: OpenPage) -> bytes:
    """Return the next event of a page."""
    return await anext(page.events())


async def test_while_no_page_is_open_nothing_is_subscribed_to_or_asked(running: Running) -> None:
    """And again after the last page has closed."""
    await asyncio.sleep(0.02)
    assert (running.source.listened, running.source.asked) == (0, 0)
    page = running.open()
    await next_event(page)
    running.hub.leave(page)
    await until(lambda: running.source.receive is None)
    asked = running.source.asked
    await asyncio.sleep(0.02)
    assert (running.source.listened, running.source.asked) == (1, asked)


async def test_every_page_gets_the_same_vitals(running: Running) -> None:
    """The same bytes, made once."""
    pages = [running.open(), running.open()]
    await until(lambda: running.source.receive is not None)
    assert running.source.receive is not None
    running.source.receive(ingress(7))
    events = [await next_event(page) for page in pages]
    while not any(one["service"] == "ingress" for one in document(events[0])["services"]):  # made before the pulse
        events = [await next_event(page) for page in pages]
    assert events[0] is events[1]
    assert document(events[0])["payments"]["accepted"] == 7
    assert document(events[0])["payments"]["backlog"] == 3


async def test_the_stream_is_asked_after_the_pulses(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked before them, it would show fewer payments accepted than the ledger has counted since."""
    monkeypatch.setattr(hub_module, "SEND_EVERY_S", 0.1)
    opened_s = asyncio.get_running_loop().time()
    page = running.open()
    await next_event(page)
    assert running.source.asked_at_s - opened_s >= 0.1


async def test_a_page_that_opens_later_gets_the_newest_vitals_at_once(running: Running) -> None:
    """It need not wait for the next second."""
    first = await next_event(running.open())
    assert running.open()._events.get_nowait() is first


async def test_a_page_opened_just_as_the_last_one_closes_gets_vitals(running: Running) -> None:
    """At no moment is a page left without events."""
    for _ in range(50):
        page = running.open()
        await next_event(page)
        running.hub.leave(page)
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await next_event(running.open())


async def test_a_page_that_does_not_read_is_dropped_and_the_others_continue(running: Running) -> None:
    """Its buffer is bounded; what it has not read is dropped."""
    slow, quick = running.open("slow"), running.open("quick")
    for _ in range(EVENTS_WAITING_MAX + 1):
        await next_event(quick)
    await until(lambda: running.aborted == ["slow"])
    assert slow._events.qsize() == EVENTS_WAITING_MAX
    await next_event(quick)
    assert running.aborted == ["slow"]


async def test_pages_have_a_bound(running: Running) -> None:
    """One more is refused, until another has left."""
    pages = [running.open() for _ in range(PAGES_MAX)]
    assert running.hub.join(lambda: None) is LimitReached.FOR_ALL
    running.hub.leave(pages[0])
    assert isinstance(running.hub.join(lambda: None), OpenPage)


async def test_one_address_takes_half_of_the_pages_at_most(running: Running) -> None:
    """So that others can still open one; more are possible when one of its own has left."""
    pages = [running.open(address="10.0.0.1") for _ in range(PAGES_PER_ADDRESS_MAX)]
    assert running.hub.join(lambda: None, "10.0.0.1") is LimitReached.FOR_THIS_ADDRESS
    assert isinstance(running.hub.join(lambda: None, "10.0.0.2"), OpenPage)
    running.hub.leave(pages[0])
    assert isinstance(running.hub.join(lambda: None, "10.0.0.1"), OpenPage)


async def test_at_the_end_all_events_end_and_no_page_is_opened(running: Running) -> None:
    """So that the service stops at once."""
    page = running.open()
    running.hub.close()
    async with asyncio.timeout(5):
        _ = [event async for event in page.events()]
    assert running.hub.join(lambda: None) is LimitReached.FOR_ALL
