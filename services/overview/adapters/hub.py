"""The open pages of this instance, and the one document a second that they are all told.

While no page is open nothing is listened to, asked or counted.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

import orjson

from services.contracts.pulse import Pulse
from services.overview.core.places import Full, Places
from services.overview.core.vitals import Backlog, Vitals

PAGES_MAX = 64
PAGES_PER_ADDRESS_MAX = 32  # half, so that others can always open one
TELL_EVERY_S = 1.0
EVENTS_WAITING_MAX = 8  # as many seconds a page may take for reading one event, beyond what the kernel holds for it

log = logging.getLogger("tarifa.ingress")


class Signs(Protocol):
    """Where vitals come from."""

    def heard_by(self, heard: Callable[[Pulse], None]) -> AbstractAsyncContextManager[None]:
        """Have ``heard`` called for every pulse meanwhile."""

    async def backlog(self) -> Backlog | None:
        """Return what waits to be settled, within a second; None where that cannot be told."""


class Clock(Protocol):
    """Time, as it passes and as it is written."""

    def now_s(self) -> float:
        """Return seconds of a clock that never goes back."""

    def stamp(self) -> datetime:
        """Return the UTC time."""


class Page:
    """One open page; ``abort`` ends its connection at once, for one that does not read what it is sent."""

    def __init__(self, abort: Callable[[], None], address: str) -> None:
        self.abort = abort
        self.address = address
        self._events: asyncio.Queue[bytes | None] = asyncio.Queue(EVENTS_WAITING_MAX)

    def offer(self, event: bytes | None) -> bool:
        """Have it sent; None is the end. Return whether there was room."""
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            return False
        return True

    async def events(self) -> AsyncIterator[bytes]:
        """Return the events as they come, until the end."""
        while (event := await self._events.get()) is not None:
            yield event


class Hub:
    """Tells every open page once a second how the whole system is."""

    def __init__(self, signs: Signs, new_vitals: Callable[[float], Vitals], clock: Clock) -> None:
        self._signs = signs
        self._new_vitals = new_vitals
        self._clock = clock
        self._pages: set[Page] = set()
        self._places = Places(PAGES_MAX, PAGES_PER_ADDRESS_MAX)
        self._has_pages = asyncio.Event()
        self._newest: bytes | None = None
        self._closed = False

    def join(self, abort: Callable[[], None], address: str = "") -> Page | Full:
        """Return an opened page, which is told the newest at once; or why there is none, FOR_ALL at the end too.

        Args:
            abort: ends its connection.
            address: of the client; "" where it is not known.
        """
        if self._closed:
            return Full.FOR_ALL
        if (full := self._places.take(address)) is not None:
            return full
        page = Page(abort, address)
        self._pages.add(page)
        if self._newest is not None:
            page.offer(self._newest)
        self._has_pages.set()
        return page

    def leave(self, page: Page) -> None:
        """Note that a page is closed; once for each that was opened."""
        self._pages.discard(page)
        self._places.give_back(page.address)

    def close(self) -> None:
        """Have every page's events end, and open no more."""
        self._closed = True
        for page in tuple(self._pages):
            self._offer(page, None)

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            await self._has_pages.wait()
            log.info("vitals.watched")
            await self._tell_until_nobody_listens()
            log.info("vitals.unwatched")

    async def _tell_until_nobody_listens(self) -> None:
        vitals = self._new_vitals(self._clock.now_s())
        async with self._signs.heard_by(lambda pulse: vitals.heard(pulse, self._clock.now_s())):
            asked_s = 0.0
            while self._pages:
                await asyncio.sleep(TELL_EVERY_S - asked_s)
                # Last: never fewer are said to be accepted than to be settled.
                begun_s = self._clock.now_s()
                await self._ask(vitals)
                asked_s = min(TELL_EVERY_S, self._clock.now_s() - begun_s)
                document = vitals.document(self._clock.now_s(), self._clock.stamp())
                self._newest = b"event: vitals\ndata: %b\n\n" % orjson.dumps(document)
                for page in tuple(self._pages):
                    self._offer(page, self._newest)
            # Here and not later: who joins from now on has to be told anew.
            self._newest = None
            self._has_pages.clear()

    async def _ask(self, vitals: Vitals) -> None:
        if (backlog := await self._signs.backlog()) is not None:
            vitals.answered(backlog, self._clock.now_s())

    def _offer(self, page: Page, event: bytes | None) -> None:
        if not page.offer(event):
            log.info("vitals.slow_page_dropped")
            self._pages.discard(page)
            page.abort()
