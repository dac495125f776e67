"""A processor of which nobody knows what it did."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson


class Doubtful:
    """A processor that books (or not), then hangs up without an answer, until it is told to answer.

    One that books does not say so before that either, when it is asked by GET.
    """

    def __init__(self, *, books: bool = True) -> None:
        self.books = books
        self.booked: dict[str, bytes] = {}
        self.posts = 0
        self.answers = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak one request per connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
            )
            body = await reader.readexactly(length)
            answer = self._answer(head.split(b" ", 2), body)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, request: list[bytes], body: bytes) -> bytes | None:
        method, path = request[0], request[1].decode()
        if path.endswith("service-health"):
            return _http(b"200 OK", b'{"failing": false, "minResponseTime": 0}')
        if method == b"GET":
            if not self.answers and self.books:
                return None  # it would tell, and the payment were in doubt no longer
            known = self.booked.get(path.rpartition("/")[2])
            return _http(b"404 Not Found", b"") if known is None else _http(b"200 OK", known)
        self.posts += 1
        payment_id = orjson.loads(body)["correlationId"]
        again = payment_id in self.booked
        if self.books:
            self.booked.setdefault(payment_id, body)
        if not self.answers:
            return None
        if again:
            return _http(b"422 Unprocessable Entity", b'{"message": "CorrelationId already exists"}')
        return _http(b"200 OK", b'{"message": "payment processed successfully"}')


def _http(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)


@asynccontextmanager
async def serving(processor: Doubtful) -> AsyncIterator[str]:
    """Serve it; gives its URL."""
    server = await asyncio.start_server(processor.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def two(default: Doubtful, fallback: Doubtful) -> AsyncIterator[str]:
    """Serve both; gives the PROCESSORS that names them."""
    async with serving(default) as cheap, serving(fallback) as dear:
        yield f"default={cheap}@0.05,fallback={dear}@0.15"
