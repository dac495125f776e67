"""A cheap HTTP client: the harness shares two cores with the system, and its own CPU must not be the limit.

It reads what the balancer sends: HTTP/1.1 with a Content-Length. A connection with anything else is not reused.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

IDLE_MAX = 64
HEAD_MAX = 64 * 1024
OK = 200


class NoAnswerError(Exception):
    """There is no complete answer. The request may have arrived."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON, None if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class HttpClient:
    """Requests to one server over reused connections; each is sent with ``headers``."""

    def __init__(self, host: str, port: int, headers: Mapping[str, str] | None = None) -> None:
        self._host = host
        self._port = port
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self._idle: list[_Connection] = []

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop()[1].transport.abort()

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, timeout_s: float) -> Answer:
        """GET; raises NoAnswerError."""
        return await self._request("GET", f"{path}?{urlencode(query)}" if query else path, b"", timeout_s)

    async def post(self, path: str, document: object, *, timeout_s: float) -> Answer:
        """POST as JSON; raises NoAnswerError."""
        return await self._request("POST", path, json.dumps(document).encode(), timeout_s)

    async def _request(self, method: str, target: str, body: bytes, timeout_s: float) -> Answer:
        head = f"{method} {target} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n"
        raw = f"{head}Content-Type: application/json\r\n{self._headers}\r\n".encode() + body
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(raw)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:  # a timeout is an OSError
            raise NoAnswerError(f"{type(error).__name__} {error}".rstrip()) from error

    async def _exchange(self, raw: bytes) -> Answer:
        connection = await self._connection()
        reader, writer = connection
        is_reusable = False
        try:
            writer.write(raw)
            status, headers = _read_head(await reader.readuntil(b"\r\n\r\n"))
            body = await reader.readexactly(int(headers["content-length"]))
            is_reusable = headers.get("connection", "").lower() != "close"
        except KeyError as error:
            raise ValueError("without a Content-Length") from error
        finally:
            if is_reusable and len(self._idle) < IDLE_MAX:
                self._idle.append(connection)
            else:
                writer.transport.abort()
        return Answer(status, headers, body)

    async def _connection(self) -> _Connection:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.transport.is_closing():
                return reader, writer
            writer.transport.abort()
        return await asyncio.open_connection(self._host, self._port, limit=HEAD_MAX)


def _read_head(raw: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = raw.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split(" ")[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}
