"""Processors that a test speaks for: each books, refuses or is silent as told, and notes what it was asked about."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import orjson

Way = Literal["well", "failing", "refusing", "silent", "books and is silent"]

_BOOKED = b'{"message": "payment processed successfully"}'
_KNOWN = b'{"message": "CorrelationId already exists"}'


@dataclass
class Scripted:
    """One processor.

    Args:
        way: what it does with a payment that it is sent. Silent: the connection stays open and nothing comes.
        knows: the status that a payment gets which it has booked already.
        lost: how many first answers to a booking it loses; it closes the connection instead.
        fails: how many payments it fails before it does as told.
        unasked: how many look-ups it answers with 500.
        looks_up: whether a look-up is answered at all.
    """

    way: Way = "well"
    knows: bytes = b"422 Unprocessable Entity"
    lost: int = 0
    unasked: int = 0
    fails: int = 0
    looks_up: bool = True
    booked: dict[str, bytes] = field(default_factory=dict)
    posts: list[str] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)
    _is_back: asyncio.Event = field(default_factory=asyncio.Event)

    def cents(self) -> int:
        """Return the sum of all that it booked."""
        return sum(round(orjson.loads(body)["amount"] * 100) for body in self.booked.values())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak one request per connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
            )
            method, path = head.split(b" ", 2)[:2]
            answer = self._answer(method, path.decode(), await reader.readexactly(length))
            if answer is None:
                await self._hang(reader)
            writer.write(answer or b"")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def come_back(self) -> None:
        """Work well from now on; whoever still waits for an answer sees the connection closed."""
        self.way, self.looks_up = "well", True
        self._is_back.set()

    async def _hang(self, reader: asyncio.StreamReader) -> None:
        """Say nothing until the caller has gone, or this processor comes back."""
        waits = [asyncio.ensure_future(reader.read()), asyncio.ensure_future(self._is_back.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    def _answer(self, method: bytes, path: str, body: bytes) -> bytes | None:
        """Return what is said; nothing at all: the connection is closed, None: it stays open."""
        if path.endswith("service-health"):
            return _http(
                b"200 OK", b'{"failing": %b, "minResponseTime": 0}' % str(self.way == "failing").lower().encode()
            )
        if method == b"GET":
            return self._look_up(path.rpartition("/")[2])
        payment_id = orjson.loads(body)["correlationId"]
        self.posts.append(payment_id)
        if self.fails:
            self.fails -= 1
            return _http(b"500 Internal Server Error", b"")
        match self.way:
            case "failing":
                return _http(b"500 Internal Server Error", b"")
            case "refusing":
                return _http(b"400 Bad Request", b'{"message": "no"}')
            case "silent":
                return None
            case "books and is silent":
                self.booked.setdefault(payment_id, body)
                return None
        return self._book(payment_id, body)

    def _book(self, payment_id: str, body: bytes) -> bytes:
        if payment_id in self.booked:
            return _http(self.knows, _KNOWN)
        self.booked[payment_id] = body
        if self.lost:
            self.lost -= 1
            return b""
        return _http(b"200 OK", _BOOKED)

    def _look_up(self, payment_id: str) -> bytes | None:
        self.gets.append(payment_id)
        if not self.looks_up:
            return None
        if self.unasked:
            self.unasked -= 1
            return _http(b"500 Internal Server Error", b"")
        known = self.booked.get(payment_id)
        return _http(b"404 Not Found", b"") if known is None else _http(b"200 OK", known)


def charged_at(payment_id: str, **processors: Scripted) -> list[str]:
    """Return the names of those that have charged a payment."""
    return [name for name, processor in processors.items() if payment_id in processor.booked]


def _http(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)


@asynccontextmanager
async def serving(processor: Scripted) -> AsyncIterator[str]:
    """Serve it; gives its URL."""
    server = await asyncio.start_server(processor.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def two(default: Scripted, fallback: Scripted) -> AsyncIterator[str]:
    """Serve both; gives the PROCESSORS that names them, default the cheaper one."""
    async with serving(default) as cheap, serving(fallback) as dear:
        yield f"default={cheap}@0.05,fallback={dear}@0.15"
