"""httpx's API over connections of our own, at a fraction of the CPU.

``httpx.ConnectError`` and ``httpx.ConnectTimeout``: not one byte of the request was sent. Whatever else goes wrong,
known or not, is raised as an httpx exception that leaves open whether the request arrived.
An answer is handed out complete or not at all. What a caller must be able to rely on, and why it holds:

- One call is one request on the wire: nothing here repeats, and redirects are not followed.
- A connection whose call timed out or was cancelled is closed, and so is one that says something while no call is
  under way. What comes after a request has left cannot be told from its answer: HTTP/1.1 has no name for either.
- No proxy out of the environment, no cookies, no decompression: the processor's URL is where a payment goes.
"""

import asyncio
import ssl
from collections import defaultdict
from functools import cache
from typing import Final, NamedTuple

import httpx

from services.dispatcher.adapters.connection import Answer, BrokenAnswerError, Connection
from services.names import Addresses, addresses

# Node, uvicorn and Apache close an idle connection after 5 s. A request that meets such a closing has an unknown
# outcome, so ours go first; a new connection costs less than a millisecond.
IDLE_S: Final = 4.0

_LENGTH: Final = (b"content-length", b"transfer-encoding")


class _Origin(NamedTuple):
    host: str
    port: int
    is_tls: bool


class ProcessorTransport(httpx.AsyncBaseTransport):
    """One pool of HTTP/1.1 connections, to be closed with `aclose`.

    Args:
        timeout_s: from the start of a call to the last byte of its answer; a request's own `read` timeout, where it
            has one, stands in its place and bounds the whole call just so.
        idle_max: connections to one host kept for the next call; more may be in use.
    """

    def __init__(self, *, timeout_s: float, idle_max: int) -> None:
        self._timeout_s = timeout_s
        self._idle_max = idle_max
        self._idle: defaultdict[_Origin, list[Connection]] = defaultdict(list)  # the one used last is at the end
        self._in_use: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request once and return the complete answer.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: no connection came about, or not in time, and nothing was sent;
                whatever was asked did not happen.
            httpx.ReadTimeout, httpx.ReadError: no complete answer; it may have happened.
        """
        timeout_s = request.extensions.get("timeout", {}).get("read") or self._timeout_s
        wire = _on_the_wire(request, await request.aread())
        ends_at_s = asyncio.get_running_loop().time() + timeout_s
        origin = _origin(request.url)
        # Two waits with one end: which of them was cut short tells whether anything can have been sent.
        connection = self._take_idle(origin) or await _connected(origin, ends_at_s, request)
        try:
            async with asyncio.timeout_at(ends_at_s):
                answer = await self._ask(connection, wire, request)
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no answer within {timeout_s:g} s", request=request) from error
        self._put_idle(origin, connection)
        return httpx.Response(answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.body))

    async def aclose(self) -> None:
        """Close everything; calls under way fail with `httpx.ReadError`, which leaves open what became of them."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in (*self._in_use, *(each for idle in self._idle.values() for each in idle)):
            connection.abort()
        self._idle.clear()

    async def _ask(self, connection: Connection, wire: bytes, request: httpx.Request) -> Answer:
        self._in_use.add(connection)
        try:
            return await connection.ask(wire)
        except BrokenAnswerError as error:
            raise httpx.ReadError(str(error), request=request) from error
        except BaseException:  # timed out or cancelled: what still comes is nobody's
            connection.abort()
            raise
        finally:
            self._in_use.discard(connection)

    def _take_idle(self, origin: _Origin) -> Connection | None:
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if connection.is_usable():
                return connection
            connection.abort()
        return None

    def _put_idle(self, origin: _Origin, connection: Connection) -> None:
        idle = self._idle[origin]
        if len(idle) >= self._idle_max or not connection.is_open:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since_s = loop.time()
        idle.append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(IDLE_S, self._close_old)

    def _close_old(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep = None
        oldest_s = loop.time() - IDLE_S
        for idle in self._idle.values():
            count = next((at for at, each in enumerate(idle) if each.idle_since_s > oldest_s), len(idle))
            for connection in idle[:count]:
                connection.abort()
            del idle[:count]
        if firsts := [idle[0].idle_since_s for idle in self._idle.values() if idle]:
            self._sweep = loop.call_at(min(firsts) + IDLE_S, self._close_old)


def _origin(url: httpx.URL) -> _Origin:
    is_tls = url.scheme == "https"
    return _Origin(url.host, url.port or (443 if is_tls else 80), is_tls)


async def _connected(origin: _Origin, ends_at_s: float, request: httpx.Request) -> Connection:
    try:
        async with asyncio.timeout_at(ends_at_s):
            return await _to_any(await addresses(origin.host, origin.port), origin)
    except TimeoutError as error:  # ours, or the system's own
        raise httpx.ConnectTimeout("not connected in time", request=request) from error
    except (OSError, UnicodeError) as error:  # the latter: a name that no resolver can be asked about
        raise httpx.ConnectError(f"{type(error).__name__}: {error}", request=request) from error


async def _to_any(found: Addresses, origin: _Origin) -> Connection:
    """Connect to the first address that takes the connection; the last one's failure is told."""
    loop = asyncio.get_running_loop()
    tls, name = (_tls(), origin.host) if origin.is_tls else (None, None)
    failed: OSError = OSError(f"{origin.host} has no address")
    for address in found:
        try:
            _, connection = await loop.create_connection(
                Connection, address, origin.port, ssl=tls, server_hostname=name
            )
        except OSError as error:
            failed = error
        else:
            return connection
    raise failed


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _on_the_wire(request: httpx.Request, content: bytes) -> bytes:
    """Return the request's bytes; its length is what it is, however httpx meant to send it."""
    lines = [b"%b: %b\r\n" % header for header in request.headers.raw if header[0].lower() not in _LENGTH]
    if content:
        lines.append(b"content-length: %d\r\n" % len(content))
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (request.method.encode(), request.url.raw_path, b"".join(lines), content)
