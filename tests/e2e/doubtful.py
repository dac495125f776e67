"""A processor whose callers cannot know what it did."""

import asyncio

import orjson

from tests.e2e.fake_processor import FakeProcessor, http


class Doubtful(FakeProcessor):
    """A processor that books (or not) and closes the connection without an answer until ``answers`` is set.

    Until then one that books does not answer a GET either.
    """

    def __init__(self, *, books: bool = True) -> None:
        self.books = books
        self.booked: dict[str, bytes] = {}
        self.posts = 0
        self.answers = False

    async def silence(self, reader: asyncio.StreamReader) -> None:
        """Close the connection at once."""

    def answer(self, method: bytes, path: str, body: bytes) -> bytes | None:
        """Answer as ``books`` and ``answers`` say."""
        if path.endswith("service-health"):
            return http(b"200 OK", b'{"failing": false, "minResponseTime": 0}')
        if method == b"GET":
            if not self.answers and self.books:
                return None  # its answer would end the doubt
            known = self.booked.get(path.rpartition("/")[2])
            return http(b"404 Not Found") if known is None else http(b"200 OK", known)
        self.posts += 1
        payment_id = orjson.loads(body)["correlationId"]
        again = payment_id in self.booked
        if self.books:
            self.booked.setdefault(payment_id, body)
        if not self.answers:
            return None
        if again:
            return http(b"422 Unprocessable Entity", b'{"message": "CorrelationId already exists"}')
        return http(b"200 OK", b'{"message": "payment processed successfully"}')
