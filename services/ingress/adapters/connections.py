"""The connections of this instance: bounded in total and by address, and never more than the process may open."""

import logging
import resource
from asyncio import Transport

from sanic.response import HTTPResponse

from services.ingress.adapters import http_answers as say
from services.log_throttle import CountedLog
from services.overview.core.open_limit import LimitReached, OpenLimit

FILES_BESIDE = 256  # other open files: NATS, listeners, metrics, logs

log = logging.getLogger("tarifa.ingress")


class Connections:
    """Counts connections, and refuses those beyond a bound.

    Args:
        connections_max: at once; fewer if the process may not open so many files.
        per_address_max: of these from one address. Those over a unix socket, the balancer's, count in total only.
    """

    def __init__(self, connections_max: int, per_address_max: int) -> None:
        self._limit = OpenLimit(connections_within(connections_max, _files_max()), per_address_max)
        self._counted = CountedLog(log)

    def admit(self, transport: Transport) -> str | None:
        """Return the address to pass to `leave`; None: refused with an answer, and the connection closes."""
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        full = self._limit.take(address)
        if full is None:
            return address
        self._counted.log(logging.WARNING, "ingress.connection_refused", address=address, why=full.value)
        transport.write(say.as_bytes(self._too_many(full), keeps_alive=False))
        transport.close()
        return None

    def leave(self, address: str) -> None:
        """Record that an admitted connection has closed."""
        self._limit.give_back(address)

    def _too_many(self, full: LimitReached) -> HTTPResponse:
        again = {"Retry-After": str(say.RETRY_AFTER_S)}
        if full is LimitReached.FOR_THIS_ADDRESS:
            said = f"this instance accepts at most {self._limit.per_address_max} connections from one address"
            return say.error(429, "too_many_connections", said, again)
        said = f"this instance accepts at most {self._limit.total_max} connections"
        return say.error(503, "too_many_connections", said, again)


def connections_within(connections_max: int, files_max: int | None) -> int:
    """Return how many connections there may be if the process may open that many files; None: any number.

    A process that may open very few keeps half of them for connections, so that it answers some clients.
    """
    if files_max is None:
        return connections_max
    return min(connections_max, max(files_max - FILES_BESIDE, files_max // 2))


def _files_max() -> int | None:
    """Raise the process's limit of open files as far as allowed; return it, None for no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return None if hard == resource.RLIM_INFINITY else hard
