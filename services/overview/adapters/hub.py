"""The open pages of this instance, and the one document a second that is sent to all of them.

While no page is open nothing is subscribed to, asked or counted.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import orjson

from services.clock import SystemClock
from services.overview.adapters.vitals_source import VitalsSource
from services.overview.core.open_limit import LimitReached, OpenLimit
from services.overview.core.vitals import Vitals

PAGES_MAX = 64
PAGES_PER_ADDRESS_MAX = 32  # half, so that others can always open one
SEND_EVERY_S = 1.0
EVENTS_WAITING_MAX = 8  # events, and so seconds, that a page may lag behind, beyond what the kernel buffers for it

log = logging.getLogger("tarifa.ingress")


class OpenPage:
    """One open page; ``abort`` ends its connection at once, if it does not read what it is sent."""

    def __init__(self, abort: Callable[[], None], address: str) -> None:
        self.abort = abort
        self.address = address
        self._events: asyncio.Queue[bytes | None] = asyncio.Queue(EVENTS_WAITING_MAX)

    def offer(self, event: bytes | None) -> bool:
        """Queue an event; None is the end. Return whether there was room."""
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            return False
        return True

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the events as they come, until the end."""
        while (event := await self._events.get()) is not None:
            yield event


class Hub:
    """Sends every open page the vitals once a second."""

    def __init__(self, source: VitalsSource, new_vitals: Callable[[float], Vitals], clock: SystemClock) -> None:
        self._source = source
        self._new_vitals = new_vitals
        self._clock = clock
        self._pages: set[OpenPage] = set()
        self._limit = OpenLimit(PAGES_MAX, PAGES_PER_ADDRESS_MAX)
        self._has_pages = asyncio.Event()
        self._newest: bytes | None = None
        self._closed = False

    def join(self, abort: Callable[[], None], address: str = "") -> OpenPage | LimitReached:
        """Return an opened page, which gets the newest document at once; or why there is none (FOR_ALL after close).

        Args:
            abort: ends its connection.
            address: of the client; "" where it is not known.
        """
        if self._closed:
            return LimitReached.FOR_ALL
        if (full := self._limit.take(address)) is not None:
            return full
        page = OpenPage(abort, address)
        self._pages.add(page)
        if self._newest is not None:
            page.offer(self._newest)
        self._has_pages.set()
        return page

    def leave(self, page: OpenPage) -> None:
        """Release a page's place; once for each page that was opened."""
        self._pages.discard(page)
        self._limit.give_back(page.address)

    def close(self) -> None:
        """End every page's events, and open no more pages."""
        self._closed = True
        for page in tuple(self._pages):
            self._offer(page, None)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._has_pages.wait()
            log.info("vitals.watched")
            await self._send_while_pages_are_open()
            log.info("vitals.unwatched")

    async def _send_while_pages_are_open(self) -> None:
        vitals = self._new_vitals(self._clock.now_s())
        async with self._source.pulses(lambda pulse: vitals.add_pulse(pulse, self._clock.now_s())):
            asked_s = 0.0
            while self._pages:
                await asyncio.sleep(SEND_EVERY_S - asked_s)
                # The backlog last, so that never fewer payments are shown as accepted than as settled.
                begun_s = self._clock.now_s()
                await self._ask(vitals)
                asked_s = min(SEND_EVERY_S, self._clock.now_s() - begun_s)
                document = vitals.document(self._clock.now_s(), self._clock.stamp())
                self._newest = b"event: vitals\ndata: %b\n\n" % orjson.dumps(document)
                for page in tuple(self._pages):
                    self._offer(page, self._newest)
            # Before anything is awaited: a page that opens from now on needs a new document.
            self._newest = None
            self._has_pages.clear()

    async def _ask(self, vitals: Vitals) -> None:
        if (backlog := await self._source.backlog()) is not None:
            vitals.set_backlog(backlog, self._clock.now_s())

    def _offer(self, page: OpenPage, event: bytes | None) -> None:
        if not page.offer(event):
            log.info("vitals.slow_page_dropped")
            self._pages.discard(page)
            page.abort()
