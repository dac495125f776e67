"""Calls over connections of our own, without the objects in which httpx wraps a request and its answer.

``httpx.ConnectError`` and ``httpx.ConnectTimeout``: not one byte of the request was sent. Whatever else goes wrong,
known or not, is raised as an exception that leaves open whether the request arrived. With TLS too: a handshake that
fails has carried nothing of the request. One that ended well may fail all the same, where the other end looks at our
certificate only afterwards (TLS 1.3): the request has left by then, and what became of it is not known.
An answer is handed out complete or not at all. What a caller must be able to rely on, and why it holds:

- One call is one request on the wire: nothing here repeats, and redirects are not followed.
- A connection whose call timed out or was cancelled is closed, and so is one that says something while no call is
  under way. What comes after a request has left cannot be told from its answer: HTTP/1.1 has no name for either.
- No proxy out of the environment, no cookies, no decompression: the processor's URL is where a payment goes.
"""

import asyncio
import ssl
from collections import defaultdict
from typing import Final, NamedTuple

import httpx

from services.dispatcher.adapters.connection import Answer, BrokenAnswerError, Connection
from services.names import Addresses, addresses

# Node, uvicorn and Apache close an idle connection after 5 s. A request that meets such a closing has an unknown
# outcome, so ours go first; a new connection costs less than a millisecond.
IDLE_S: Final = 4.0


class Origin(NamedTuple):
    """Where connections go; ``host`` is a name or an address, of IPv6 without brackets.

    ``tls`` of None is in the clear. With another one it is another origin: what is shown there has changed.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None


class NotTrustedError(httpx.ConnectError):
    """TLS did not come about: the other end is not known to be the processor, or does not let us in.

    Nothing was sent, and nothing will be before somebody changes something, here or there.
    """


def origin_of(url: httpx.URL, tls: ssl.SSLContext | None = None) -> Origin:
    """Return where the requests to a URL go; ``tls``, which https must have, verifies who is there.

    Raises:
        ValueError: it is https, and nothing says by what to verify it.
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
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)  # the one used last is at the end
        self._in_use: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def exchange(self, origin: Origin, wire: bytes, timeout_s: float) -> Answer:
        """Send a request once and return the complete answer.

        Args:
            origin: where it goes.
            wire: the whole request as it is sent: its head says where the body ends, and nothing here checks that.
            timeout_s: from the start of the call to the last byte of the answer.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: no connection came about, or not in time, and nothing was sent;
                whatever was asked did not happen.
            NotTrustedError: the same, as TLS did not come about.
            httpx.ReadTimeout, httpx.ReadError: no complete answer; it may have happened.
        """
        ends_at_s = asyncio.get_running_loop().time() + timeout_s
        # Two waits with one end: which of them was cut short tells whether anything can have been sent.
        connection = self._take_idle(origin) or await _connected(origin, ends_at_s)
        self._in_use.add(connection)
        try:
            answer = await connection.ask(wire, ends_at_s)
        except BrokenAnswerError as error:
            raise httpx.ReadError(str(error)) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no answer within {timeout_s:g} s") from error
        except BaseException:  # cancelled: what still comes is nobody's
            connection.abort()
            raise
        finally:
            self._in_use.discard(connection)
        self._put_idle(origin, connection)
        return answer

    async def aclose(self) -> None:
        """Close everything; calls under way fail with `httpx.ReadError`, which leaves open what became of them."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in (*self._in_use, *(each for idle in self._idle.values() for each in idle)):
            connection.abort()
        self._idle.clear()

    def _take_idle(self, origin: Origin) -> Connection | None:
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if connection.is_usable():
                return connection
            connection.abort()
        return None

    def _put_idle(self, origin: Origin, connection: Connection) -> None:
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


async def _connected(origin: Origin, ends_at_s: float) -> Connection:
    try:
        async with asyncio.timeout_at(ends_at_s):
            return await _to_any(await addresses(origin.host, origin.port), origin)
    except TimeoutError as error:  # ours, or the system's own
        raise httpx.ConnectTimeout("not connected in time") from error
    except ssl.SSLEOFError as error:  # it was closed in the middle of the handshake, as by a server that stops
        raise httpx.ConnectError(f"{type(error).__name__}: {error}") from error
    except ssl.SSLError as error:
        raise NotTrustedError(f"{type(error).__name__}: {error}") from error
    except (OSError, UnicodeError) as error:  # the latter: a name that no resolver can be asked about
        raise httpx.ConnectError(f"{type(error).__name__}: {error}") from error


async def _to_any(found: Addresses, origin: Origin) -> Connection:
    """Connect to the first address that takes the connection; the last one's failure is told."""
    loop = asyncio.get_running_loop()
    name = origin.host if origin.tls else None
    failed: OSError = OSError(f"{origin.host} has no address")
    for address in found:
        try:
            _, connection = await loop.create_connection(
                Connection, address, origin.port, ssl=origin.tls, server_hostname=name
            )
        except OSError as error:
            failed = error
        else:
            return connection
    raise failed
