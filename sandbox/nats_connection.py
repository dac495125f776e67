"""NATS over a plain socket, for test harnesses: subscribe, request, call the JetStream API, and read a stream.

Not nats-py, on which services/bus is built. What judges the services should not share their client, or a message that
the client loses is lost to both. And nats-py 2.16 lacks two things that are needed here:

- It has no batched Direct Get. Read one by one with it, a message of a stream costs 70 to 80 us of CPU, by an ordered
  consumer 23, here 10 (20,000 messages of 300 bytes, one core); the harness shares its cores with what it measures.
- It takes a user's key only from a file, or as a seed through the package nkeys, which is not in the lock. Keys are
  signed with pynacl here; for that, services/bus sets a private name of the client.

For live messages the two cost the same: 3 to 4 us each.
"""

import asyncio
import contextlib
import itertools
import json
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from services.access.bus_credentials import ANONYMOUS, BusCredentials

REQUEST_TIMEOUT_S = 5.0
LINE_MAX = 1 << 20
BATCH = 500
_CONNECT = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "name": "sandbox"}


class NatsError(Exception):
    """No answer: the server is away, or answered with an error."""


@dataclass(frozen=True, slots=True)
class NatsMessage:
    """A message; ``status`` is the server's own code, as 404 or 503, of a message without data."""

    subject: str
    data: bytes
    status: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class NatsAddress(NamedTuple):
    """A server's address, and the user that connects."""

    host: str
    port: int
    bus_credentials: BusCredentials = ANONYMOUS


class NatsConnection:
    """A connection to one server. It does not reconnect by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inbox: str) -> None:
        self._reader = reader
        self._writer = writer
        self._inbox = inbox
        self._receivers: dict[str, Callable[[NatsMessage], None]] = {}
        self._numbers = itertools.count(1)
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, host: str, port: int, bus_credentials: BusCredentials = ANONYMOUS) -> "NatsConnection":
        """Return a connection, with the user's key where the server has users; raises NatsError."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(host, port, limit=LINE_MAX)
                info = json.loads((await reader.readuntil(b"\r\n")).removeprefix(b"INFO "))
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:  # of which a timeout is one
            if writer is not None:
                writer.transport.abort()
                await asyncio.sleep(0)  # the loop may end with us
            raise NatsError(f"nats does not take a connection: {error!r}") from error
        if bus_credentials.tls is not None:
            await _secured(writer, bus_credentials.tls, host)
        options = _CONNECT
        if (key := bus_credentials.key) is not None and "nonce" in info:
            options = options | {"nkey": key.public, "sig": key.sign(info["nonce"]).decode()}
        writer.write(b"CONNECT %b\r\n" % json.dumps(options).encode())
        return cls(reader, writer, "_INBOX" if key is None else key.inbox)  # where services may answer it

    async def closed(self) -> None:
        """Wait until the connection has ended."""
        await asyncio.wait([self._reading])

    async def close(self) -> None:
        """Close it at once."""
        self._writer.transport.abort()
        self._reading.cancel()
        await asyncio.wait([self._reading])

    def subscribe(self, subject: str, receive: Callable[[NatsMessage], None]) -> str:
        """Call ``receive`` for each message from now on; return the number with which to unsubscribe."""
        number = str(next(self._numbers))
        self._receivers[number] = receive
        self._writer.write(f"SUB {subject} {number}\r\n".encode())
        return number

    def unsubscribe(self, number: str) -> None:
        """End a subscription."""
        self._receivers.pop(number, None)
        self._writer.write(f"UNSUB {number}\r\n".encode())

    async def answers(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[NatsMessage, None]:
        """Send a request and yield its answers as they come, until the caller stops; raises NatsError."""
        inbox = f"{self._inbox}.{next(self._numbers)}.{id(self)}"
        received: asyncio.Queue[NatsMessage] = asyncio.Queue()
        number = self.subscribe(inbox, received.put_nowait)
        self._writer.write(_publish_line(f"{subject} {inbox}", data, headers))
        try:
            while not self._reading.done():
                async with asyncio.timeout(REQUEST_TIMEOUT_S):
                    message = await received.get()
                yield message
        except TimeoutError as error:
            raise NatsError(f"{subject} was not answered") from error
        finally:
            self.unsubscribe(number)
        raise NatsError("nats closed the connection")

    async def request(self, subject: str, data: bytes = b"", headers: Mapping[str, str] | None = None) -> NatsMessage:
        """Send a request and return its first answer; raises NatsError."""
        async with contextlib.aclosing(self.answers(subject, data, headers)) as answers:
            async for message in answers:
                if message.status == "503":
                    raise NatsError(f"nobody answers {subject}")
                return message
        raise NatsError("nats closed the connection")

    async def _read(self) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while True:
                words = (await self._reader.readuntil(b"\r\n")).decode().split()
                if words and words[0] == "PING":
                    self._writer.write(b"PONG\r\n")
                elif words and words[0] in {"MSG", "HMSG"}:
                    await self._take(words)

    async def _take(self, words: list[str]) -> None:
        raw = (await self._reader.readexactly(int(words[-1]) + 2))[:-2]
        head_length = int(words[-2]) if words[0] == "HMSG" else 0
        receive = self._receivers.get(words[2])
        if receive is not None:
            receive(_message(words[1], raw[:head_length], raw[head_length:]))


async def _secured(writer: asyncio.StreamWriter, tls: ssl.SSLContext, host: str) -> None:
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            await writer.start_tls(tls, server_hostname=host)
    except OSError as error:  # of which a timeout is one
        writer.transport.abort()
        raise NatsError(f"nats does not offer TLS: {error!r}") from error


def _publish_line(subjects: str, data: bytes, headers: Mapping[str, str] | None) -> bytes:
    if not headers:
        return f"PUB {subjects} {len(data)}\r\n".encode() + data + b"\r\n"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"NATS/1.0\r\n{lines}\r\n".encode()
    return f"HPUB {subjects} {len(head)} {len(head) + len(data)}\r\n".encode() + head + data + b"\r\n"


def _message(subject: str, head: bytes, data: bytes) -> NatsMessage:
    first, *lines = head.decode(errors="replace").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    status = first.removeprefix("NATS/1.0").strip().partition(" ")[0]
    return NatsMessage(subject, data, status, {name: value.strip() for name, _, value in pairs})


async def jetstream_api(connection: NatsConnection, path: str, document: object = None) -> dict[str, Any]:
    """Call the JetStream API and return its answer; raises NatsError, also if that is an error."""
    answer = await connection.request(f"$JS.API.{path}", b"" if document is None else json.dumps(document).encode())
    reply: dict[str, Any] = json.loads(answer.data)
    if "error" in reply:
        raise NatsError(f"{path}: {reply['error']}")
    return reply


async def stored_messages(connection: NatsConnection, stream: str) -> list[NatsMessage]:
    """Return all messages of a stream; each has its subject, and its sequence and time in the headers."""
    found: list[NatsMessage] = []
    seq = 1
    while True:
        asked = json.dumps({"seq": seq, "batch": BATCH, "next_by_subj": ">"}).encode()
        batch = await _batch(connection, stream, asked)
        if not batch:
            return found
        found += batch
        seq = int(batch[-1].headers["Nats-Sequence"]) + 1


async def _batch(connection: NatsConnection, stream: str, asked: bytes) -> list[NatsMessage]:
    batch: list[NatsMessage] = []
    async with contextlib.aclosing(connection.answers(f"$JS.API.DIRECT.GET.{stream}", asked)) as answers:
        async for message in answers:
            if message.status:  # 204: the end of the batch; 404: there are no more messages
                if message.status not in {"204", "404"}:
                    raise NatsError(f"{stream} cannot be read: {message.status}")
                return batch
            batch.append(NatsMessage(message.headers["Nats-Subject"], message.data, "", message.headers))
    raise NatsError("nats closed the connection")
