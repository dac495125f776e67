"""Processors scripted by a test: each books, refuses or stays silent, and records its requests."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

import orjson

from tests.e2e.fake_processor import FakeProcessor, http

Behaviour = Literal["well", "failing", "refusing", "silent", "books and is silent"]

_BOOKED = b'{"message": "payment processed successfully"}'
_KNOWN = b'{"message": "CorrelationId already exists"}'


@dataclass
class Scripted(FakeProcessor):
    """One processor.

    Args:
        behaviour: what it does with a POST. Silent: the connection stays open and no answer comes.
        duplicate_status: the status for a payment that it has booked already.
        lost: for how many bookings it closes the connection instead of sending the first answer.
        fails: how many payments it answers with 500 before ``behaviour`` applies.
        lookup_failures: how many look-ups it answers with 500.
        looks_up: whether it answers look-ups at all.
    """

    behaviour: Behaviour = "well"
    duplicate_status: bytes = b"422 Unprocessable Entity"
    lost: int = 0
    lookup_failures: int = 0
    fails: int = 0
    looks_up: bool = True
    booked: dict[str, bytes] = field(default_factory=dict)
    posts: list[str] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)
    _is_back: asyncio.Event = field(default_factory=asyncio.Event)

    def cents(self) -> int:
        """Return the sum of the amounts that it booked."""
        return sum(round(orjson.loads(body)["amount"] * 100) for body in self.booked.values())

    def come_back(self) -> None:
        """Work well from now on; connections that still wait for an answer are closed."""
        self.behaviour, self.looks_up = "well", True
        self._is_back.set()

    async def silence(self, reader: asyncio.StreamReader) -> None:
        """Wait until the caller hangs up, or this processor comes back."""
        waits = [asyncio.ensure_future(reader.read()), asyncio.ensure_future(self._is_back.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    def answer(self, method: bytes, path: str, body: bytes) -> bytes | None:
        """Answer as the script says."""
        if path.endswith("service-health"):
            return http(
                b"200 OK", b'{"failing": %b, "minResponseTime": 0}' % str(self.behaviour == "failing").lower().encode()
            )
        if method == b"GET":
            return self._look_up(path.rpartition("/")[2])
        payment_id = orjson.loads(body)["correlationId"]
        self.posts.append(payment_id)
        if self.fails:
            self.fails -= 1
            return http(b"500 Internal Server Error")
        match self.behaviour:
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
            return http(self.duplicate_status, _KNOWN)
        self.booked[payment_id] = body
        if self.lost:
            self.lost -= 1
            return b""
        return http(b"200 OK", _BOOKED)

    def _look_up(self, payment_id: str) -> bytes | None:
        self.gets.append(payment_id)
        if not self.looks_up:
            return None
        if self.lookup_failures:
            self.lookup_failures -= 1
            return http(b"500 Internal Server Error")
        known = self.booked.get(payment_id)
        return http(b"404 Not Found") if known is None else http(b"200 OK", known)


def charged_at(payment_id: str, **processors: Scripted) -> list[str]:
    """Return the names of the processors that charged a payment."""
    return [name for name, processor in processors.items() if payment_id in processor.booked]
