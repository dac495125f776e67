"""Processors that a test speaks for: each books, refuses or is silent as told, and notes what it was asked about."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

import orjson

from tests.e2e.spoken import Spoken, http

Way = Literal["well", "failing", "refusing", "silent", "books and is silent"]

_BOOKED = b'{"message": "payment processed successfully"}'
_KNOWN = b'{"message": "CorrelationId already exists"}'


@dataclass
class Scripted(Spoken):
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

    def come_back(self) -> None:
        """Work well from now on; whoever still waits for an answer sees the connection closed."""
        self.way, self.looks_up = "well", True
        self._is_back.set()

    async def silence(self, reader: asyncio.StreamReader) -> None:
        """Say nothing until the caller has gone, or this processor comes back."""
        waits = [asyncio.ensure_future(reader.read()), asyncio.ensure_future(self._is_back.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    def answer(self, method: bytes, path: str, body: bytes) -> bytes | None:
        """As told."""
        if path.endswith("service-health"):
            return http(
                b"200 OK", b'{"failing": %b, "minResponseTime": 0}' % str(self.way == "failing").lower().encode()
            )
        if method == b"GET":
            return self._look_up(path.rpartition("/")[2])
        payment_id = orjson.loads(body)["correlationId"]
        self.posts.append(payment_id)
        if self.fails:
            self.fails -= 1
            return http(b"500 Internal Server Error")
        match self.way:
            case "failing":
                return http(b"500 Internal Server Error")
            case "refusing":
                return http(b"400 Bad Request", b'{"message": "no"}')
            case "silent":
                return None
            case "books and is silent":
                self.booked.setdefault(payment_id, body)
                return None
        return self._book(payment_id, body)

    def _book(self, payment_id: str, body: bytes) -> bytes:
        if payment_id in self.booked:
            return http(self.knows, _KNOWN)
        self.booked[payment_id] = body
        if self.lost:
            self.lost -= 1
            return b""
        return http(b"200 OK", _BOOKED)

    def _look_up(self, payment_id: str) -> bytes | None:
        self.gets.append(payment_id)
        if not self.looks_up:
            return None
        if self.unasked:
            self.unasked -= 1
            return http(b"500 Internal Server Error")
        known = self.booked.get(payment_id)
        return http(b"404 Not Found") if known is None else http(b"200 OK", known)


def charged_at(payment_id: str, **processors: Scripted) -> list[str]:
    """Return the names of those that have charged a payment."""
    return [name for name, processor in processors.items() if payment_id in processor.booked]
