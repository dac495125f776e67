"""The server that all fake processors share: one request per connection, each processor on its own port."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FakeProcessor(ABC):
    """A processor; ``head`` is the head of the request that it is answering."""

    head = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, then close the connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
            )
            method, path = head.split(b" ", 2)[:2]
            body = await reader.readexactly(length)
            self.head = head
            answer = self.answer(method, path.decode(), body)
            if answer is None:
                await self.silence(reader)
            async for piece in _pieces(answer):
                writer.write(piece)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @abstractmethod
    def answer(self, method: bytes, path: str, body: bytes) -> bytes | AsyncIterator[bytes] | None:
        """Return the answer, whole or in pieces; b"" closes the connection, None does so after ``silence``."""

    @abstractmethod
    async def silence(self, reader: asyncio.StreamReader) -> None:
        """Wait; when this returns, the connection is closed without an answer."""


async def _pieces(answer: bytes | AsyncIterator[bytes] | None) -> AsyncIterator[bytes]:
    if isinstance(answer, bytes):
        yield answer
    elif answer is not None:
        async for piece in answer:
            yield piece


def http(status: bytes, body: bytes = b"") -> bytes:
    """Return an HTTP response with this status line and body."""
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)


@asynccontextmanager
async def serving(processor: FakeProcessor) -> AsyncIterator[str]:
    """Run it; yields its URL."""
    server = await asyncio.start_server(processor.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def two(default: FakeProcessor, fallback: FakeProcessor) -> AsyncIterator[str]:
    """Run both; yields the setting PROCESSORS that names them, default the cheaper one."""
    async with serving(default) as cheap, serving(fallback) as dear:
        yield f"default={cheap}@0.05,fallback={dear}@0.15"


@asynccontextmanager
async def three(default: FakeProcessor, fallback: FakeProcessor, third: FakeProcessor) -> AsyncIterator[str]:
    """Run all; yields PROCESSORS as `two`, with a third that is the most expensive."""
    async with two(default, fallback) as processors, serving(third) as most_expensive:
        yield f"{processors},third={most_expensive}@0.25"
