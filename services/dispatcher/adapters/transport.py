"""Calls over our own connections, without the objects in which httpx wraps a request and its answer.

``httpx.ConnectError`` and ``httpx.ConnectTimeout``: not one byte of the request was sent. Whatever else goes wrong is
raised as an exception that leaves open whether the request arrived. The same holds with TLS: a handshake that fails has
carried nothing of the request. After one that succeeded the call may still fail, where the other end checks our
certificate only afterwards (TLS 1.3): the request was sent by then, and its outcome is not known.
An answer is returned complete or not at all. What callers rely on, and why it holds:

- One call is one request on the wire: nothing here repeats, and redirects are not followed.
- A connection whose call timed out or was cancelled is closed, and so is one on which something comes while no call is
  under way. Whatever comes after a request was sent cannot be distinguished from its answer: HTTP/1.1 names neither.
- No proxy from the environment, no cookies, no decompression: a payment goes to the processor's URL.
"""

import asyncio
import ssl
from collections import defaultdict
from typing import Final, NamedTuple

import httpx

from services.dispatcher.adapters.connection import BrokenAnswerError, HttpAnswer, ProcessorConnection
from services.names import Addresses, addresses

# Node, uvicorn and Apache close an idle connection after 5 s. A request that coincides with that has an unknown
# outcome, so ours are closed earlier; a new connection costs less than a millisecond.
IDLE_S: Final = 4.0


class Origin(NamedTuple):
    """The target of connections; ``host`` is a name or an address, an IPv6 one without brackets.

    ``tls`` of None is plain HTTP. Another context makes another origin: the credentials have changed.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None


class NotTrustedError(httpx.ConnectError):
    """TLS failed: the other end is not verified as the processor, or does not admit us.

    Nothing was sent, and nothing will be until a configuration changes, here or there.
    """


def origin_of(url: httpx.URL, tls: ssl.SSLContext | None = None) -> Origin:
    """Return the target of requests to a URL; ``tls``, required for https, verifies the other end.

    Raises:
        ValueError: it is https, and there is nothing to verify it by.
    """
    if url.scheme != "https":
        return Origin(url.host, url.port or 80, None)
    if tls is None:
        raise ValueError(f"nothing verifies who is at {url}")
    return Origin(url.host, url.port or 443, tls)


class ProcessorTransport:
    """One pool of HTTP/1.1 connections, to be closed with `aclose`.

    Args:
        idle_max: connections to one origin kept for the next call; more may be in use.
    """

    def __init__(self, *, idle_max: int) -> None:
        self._idle_max = idle_max
        self._idle: defaultdict[Origin, list[ProcessorConnection]] = defaultdict(
            list
        )  # the one used last is at the end
        self._in_use: set[ProcessorConnection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def exchange(self, origin: Origin, wire: bytes, timeout_s: float) -> HttpAnswer:
        """Send a request once and return the complete answer.

        Args:
            origin: where it goes.
            wire: the whole request, as it is sent: its head gives the body's length, which is not checked here.
            timeout_s: from the start of the call to the last byte of the answer.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: no connection, or not in time, and nothing was sent; what was
                requested did not happen.
            NotTrustedError: the same, because TLS failed.
            httpx.ReadTimeout, httpx.ReadError: no complete answer; it may have happened.
        """
        ends_at_s = asyncio.get_running_loop().time() + timeout_s
        # Two waits with one end: which one was cut short shows whether anything can have been sent.
        connection = self._take_idle(origin) or await _connected(origin, ends_at_s)
        self._in_use.add(connection)
        try:
            answer = await connection.ask(wire, ends_at_s)
        except BrokenAnswerError as error:
            raise httpx.ReadError(str(error)) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no answer within {timeout_s:g} s") from error
        except BaseException:  # cancelled: what still comes is dropped
            connection.abort()
            raise
        finally:
            self._in_use.discard(connection)
        self._put_idle(origin, connection)
        return answer

    async def aclose(self) -> None:
        """Close everything; calls under way fail with `httpx.ReadError`, and their outcome is not known."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in (*self._in_use, *(each for idle in self._idle.values() for each in idle)):
            connection.abort()
        self._idle.clear()

    def _take_idle(self, origin: Origin) -> ProcessorConnection | None:
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if connection.is_usable():
                return connection
            connection.abort()
        return None

    def _put_idle(self, origin: Origin, connection: ProcessorConnection) -> None:
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
        for origin, idle in tuple(self._idle.items()):
            count = next((at for at, each in enumerate(idle) if each.idle_since_s > oldest_s), len(idle))
            for connection in idle[:count]:
                connection.abort()
            del idle[:count]
            if not idle:
                del self._idle[origin]
        if firsts := [idle[0].idle_since_s for idle in self._idle.values() if idle]:
            self._sweep = loop.call_at(min(firsts) + IDLE_S, self._close_old)


async def _connected(origin: Origin, ends_at_s: float) -> ProcessorConnection:
    try:
        async with asyncio.timeout_at(ends_at_s):
            return await _to_any(await addresses(origin.host, origin.port), origin)
    except TimeoutError as error:  # ours, or the system's own
        raise httpx.ConnectTimeout("not connected in time") from error
    except ssl.SSLEOFError as error:  # closed during the handshake, as by a server that stops
        raise httpx.ConnectError(f"{type(error).__name__}: {error}") from error
    except ssl.SSLError as error:
        raise NotTrustedError(f"{type(error).__name__}: {error}") from error
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that the resolver cannot be asked about
        raise httpx.ConnectError(f"{type(error).__name__}: {error}") from error


async def _to_any(found: Addresses, origin: Origin) -> ProcessorConnection:
    """Connect to the first address that accepts the connection; raise the last one's failure."""
    loop = asyncio.get_running_loop()
    name = origin.host if origin.tls else None
    failed: OSError = OSError(f"{origin.host} has no address")
    for address in found:
        try:
            _, connection = await loop.create_connection(
                ProcessorConnection, address, origin.port, ssl=origin.tls, server_hostname=name
            )
        except OSError as error:
            failed = error
        else:
            return connection
    raise failed
