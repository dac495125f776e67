"""Looks a name up in a thread of its own, so that neither a stop nor a timeout is delayed by it.

The loop's own lookup cannot be cancelled: it holds one of a few threads until the resolver gives up (tens of seconds if
no server answers), the process cannot end before, and its late failure is logged without a context.
"""

import asyncio
import ipaddress
import socket
import threading
from contextlib import suppress

Addresses = tuple[str, ...]

_under_way: dict[tuple[asyncio.AbstractEventLoop, str, int], asyncio.Future[Addresses]] = {}


async def addresses(host: str, port: int) -> Addresses:
    """Return the IP addresses of a name, in the resolver's order; an address is its own. May be cancelled at any time.

    Raises:
        OSError: there is no such name, or no resolver that answers.
        UnicodeError: no resolver can be asked about it.
    """
    with suppress(ValueError):
        return (str(ipaddress.ip_address(host)),)
    loop = asyncio.get_running_loop()
    key = (loop, host, port)
    asked = _under_way.get(key)
    if asked is None:
        asked = _under_way[key] = loop.create_future()
        asked.add_done_callback(lambda done: (_under_way.pop(key, None), done.cancelled() or done.exception()))
        # A thread of its own, as the process waits for those of a pool when it ends.
        threading.Thread(target=_look_up, args=(loop, asked, host, port), name=f"name {host}", daemon=True).start()
    return await asyncio.shield(asked)


def _look_up(loop: asyncio.AbstractEventLoop, asked: asyncio.Future[Addresses], host: str, port: int) -> None:
    found: Addresses = ()
    error: Exception | None = None
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = tuple(dict.fromkeys(str(address[0]) for *_, address in infos))
    except (OSError, UnicodeError) as failed:
        error = failed
    with suppress(RuntimeError):  # the loop is closed: nothing waits any more
        loop.call_soon_threadsafe(_set_result, asked, found, error)


def _set_result(asked: asyncio.Future[Addresses], found: Addresses, error: Exception | None) -> None:
    if asked.done():
        return
    if error is None:
        asked.set_result(found)
    else:
        asked.set_exception(error)
