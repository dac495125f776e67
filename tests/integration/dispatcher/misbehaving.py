"""A processor whose socket does exactly what a test says: a script answers each request once it was read.

A script is a coroutine function that gets the `Line` to the caller; when it returns, the next request of the same
connection is read. The server records each complete request that it read, which is what "charged twice" means here.
"""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from services.dispatcher.adapters.processor_api import ProcessorApi

# For a call whose outcome is not a timeout: longer than any machine needs.
PATIENT_S = 30.0
# Only where the expected outcome is the timeout.
SHORT_S = 0.3

_EXPECTED_LENGTH = "content-length:"


@dataclass(frozen=True)
class Seen:
    """One complete request."""

    method: str
    path: str
    body: bytes
    headers: tuple[str, ...] = ()


@dataclass
class Line:
    """The server's end of one connection; `turn` counts the connection's requests from 1."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    turn: int = 0

    async def send(self, data: bytes) -> None:
        """Send now, whether or not the caller still listens."""
        with suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def close(self) -> None:
        """Close, having sent everything."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    def reset(self) -> None:
        """Break the connection off with a RST."""
        linger_on_for_0_s = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_on_for_0_s)
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the caller has closed its end."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


Script = Callable[[Line], Awaitable[None]]


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    """Render a complete HTTP answer."""
    head = [f"HTTP/1.1 {status} As Scripted", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


def says(status: int, body: bytes = b"", *headers: str) -> Script:
    """Answer and keep the connection."""
    return sends(answer(status, body, *headers))


def record(payment_id: str, amount: str = "19.90", requested_at: str = "2025-07-15T12:34:56.000Z") -> Script:
    """Answer as GET does for a booked payment; the amount is JSON text."""
    fields = f'{{"correlationId":{json.dumps(payment_id)},"amount":{amount},"requestedAt":{json.dumps(requested_at)}}}'
    return says(200, fields.encode())


def sends(data: bytes, *, then_close: bool = False) -> Script:
    """Send these bytes, whatever they are."""

    async def script(line: Line) -> None:
        await line.send(data)
        if then_close:
            await line.close()

    return script


async def closes(line: Line) -> None:
    """Close without an answer."""
    await line.close()


async def resets(line: Line) -> None:
    """Reset without an answer."""
    line.reset()


async def hangs(line: Line) -> None:
    """Send nothing until the caller has gone."""
    await line.gone()


def dribbles(data: bytes) -> Script:
    """Send byte by byte."""

    async def script(line: Line) -> None:
        for at in range(len(data)):
            await line.send(data[at : at + 1])
            await asyncio.sleep(0)

    return script


@contextmanager
def full_listener() -> Iterator[str]:
    """Provide the URL of a listener whose queue is full: a connect to it is neither refused nor ever completed."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, socket.socket() as only_one_that_fits:
        only_one_that_fits.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@dataclass
class MisbehavingServer:
    """Answers POST and GET by script; `at_once` acts on a new connection before anything is read.

    `seen` are the requests that it has read completely, `was_asked` is set with the first.
    """

    post: Script
    get: Script = closes
    at_once: Script | None = None
    tls: ssl.SSLContext | None = None
    seen: list[Seen] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    url: str = ""
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def post_count(self) -> int:
        """How many POSTs it has read completely."""
        return sum(one.method == "POST" for one in self.seen)

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening and leave no connection behind."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.add(asyncio.get_running_loop().create_task(self._serve(Line(reader, writer))))

    async def _serve(self, line: Line) -> None:
        try:
            if self.at_once is not None:
                await self.at_once(line)
            while not line.writer.is_closing():
                request = await _read_request(line.reader)
                self.seen.append(request)
                self.was_asked.set()
                line.turn += 1
                await (self.post if request.method == "POST" else self.get)(line)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            await line.close()


# What the fixtures of this folder provide: a starter of servers, a maker of clients.
Serve = Callable[..., Awaitable[MisbehavingServer]]
ApiFor = Callable[..., ProcessorApi]


async def _read_request(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    lengths = [line for line in head if line.lower().startswith(_EXPECTED_LENGTH)]
    return Seen(
        method, path, await reader.readexactly(int(lengths[0].partition(":")[2]) if lengths else 0), tuple(head[1:-2])
    )
