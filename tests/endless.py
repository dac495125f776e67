"""Answers that end within neither the time nor the memory of any caller, piece by piece."""

import asyncio
from collections.abc import AsyncIterator, Callable

PIECE = b"x" * 65_536
HUNDRED_MB = 100_000_000
HOUR_S = 3600

Endless = Callable[[], AsyncIterator[bytes]]


async def hundred_mb() -> AsyncIterator[bytes]:
    """A body of 100 MB, with its correct length."""
    yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % HUNDRED_MB
    for _ in range(HUNDRED_MB // len(PIECE)):
        yield PIECE


async def chunks_without_end() -> AsyncIterator[bytes]:
    """Chunks without end."""
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"%x\r\n%b\r\n" % (len(PIECE), PIECE)


async def headers_without_end() -> AsyncIterator[bytes]:
    """Headers without end."""
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X-More: %b\r\n" % PIECE[:4000]


async def one_header_without_end() -> AsyncIterator[bytes]:
    """A header whose line never ends."""
    yield b"HTTP/1.1 200 OK\r\nX-Long: "
    while True:
        yield PIECE


async def interim_answers_without_end() -> AsyncIterator[bytes]:
    """Interim answers before any final one."""
    while True:
        yield b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100


async def now_and_then_a_byte() -> AsyncIterator[bytes]:
    """A byte now and then: never silent for long, and never complete."""
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 3600\r\n\r\n"
    while True:
        await asyncio.sleep(0.05)
        yield b"x"


async def most_of_it() -> AsyncIterator[bytes]:
    """As much as is allowed, and then nothing: what was read is held until the timeout."""
    yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PIECE)
    yield PIECE[:60_000]
    await asyncio.sleep(HOUR_S)


ENDLESS: tuple[Endless, ...] = (
    hundred_mb,
    chunks_without_end,
    headers_without_end,
    one_header_without_end,
    interim_answers_without_end,
    now_and_then_a_byte,
    most_of_it,
)
