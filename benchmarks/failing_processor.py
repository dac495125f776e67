"""Processors for a benchmark: cheap ones that fail nearly all, so that it is moved, and a dear one that is well.

A cheap one books a call that comes alone, which opens it again after each failure, and fails whatever comes while
another is under way there. A dispatcher tries it five times a second; hence there are several.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from sandbox.stack.plan.ports import HOST, free

BOOKS_AFTER_S = 0.002
FAILS_AFTER_S = 0.02  # time for dozens to come
CHEAP = 8
_BOOKED = b'{"message":"payment processed successfully"}'
_WELL = b'{"failing":false,"minResponseTime":0}'
_STATUS = {200: b"200 OK", 404: b"404 Not Found", 500: b"500 Internal Server Error"}


@asynccontextmanager
async def failing_processors() -> AsyncIterator[str]:
    """Serve them within this loop; yields PROCESSORS."""
    loop = asyncio.get_running_loop()
    dear, *cheap = free(1 + CHEAP)
    servers = [await loop.create_server(partial(_Connection, None), HOST, dear)]
    servers += [await loop.create_server(partial(_Connection, set()), HOST, port) for port in cheap]
    try:
        named = [f"cheap-{number}=http://{HOST}:{port}@0.0{number}" for number, port in enumerate(cheap, start=1)]
        yield ",".join((*named, f"dear=http://{HOST}:{dear}@0.15"))
    finally:
        for server in servers:
            server.close()


class _Connection(asyncio.Protocol):
    """One connection; ``under_way`` are those of the failing processor with a POST, None: this one is well."""

    def __init__(self, under_way: "set[_Connection] | None") -> None:
        self._under_way = under_way
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget what was under way."""
        self._transport = None
        if self._under_way is not None:
            self._under_way.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete; a client of these waits for an answer before it sends the next."""
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end or len(rest) < _length(head):
            return
        self._buffer = b""
        if head.startswith(b"POST"):
            self._charge()
        elif b"service-health" in head:
            self._answer(200, _WELL)
        else:
            self._answer(404, b"{}")  # what it fails is not booked, and nobody asks about what it has booked

    def _charge(self) -> None:
        if self._under_way is None:
            self._answer(200, _BOOKED)
            return
        status, after_s = (500, FAILS_AFTER_S) if self._under_way else (200, BOOKS_AFTER_S)
        self._under_way.add(self)
        asyncio.get_running_loop().call_later(after_s, self._end, status)

    def _end(self, status: int) -> None:
        if self._under_way is not None:
            self._under_way.discard(self)
        self._answer(status, _BOOKED if status == 200 else b"{}")  # noqa: PLR2004

    def _answer(self, status: int, body: bytes) -> None:
        if self._transport is not None:
            self._transport.write(
                b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (_STATUS[status], len(body), body)
            )


def _length(head: bytes) -> int:
    """Return the Content-Length of a request, 0 where it has none."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
