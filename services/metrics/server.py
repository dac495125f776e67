"""GET /metrics on a port of its own, answered by the loop that does the service's work: no thread, no framework.

One scrape is some milliseconds of the loop, every few seconds. A client that is slow or sends too much is
disconnected, and so is one beyond CONNECTIONS_MAX.
"""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from services.metrics.metric import Metric, Source
from services.settings.environment import SettingError
from services.settings.tcp_address import TcpAddress
from services.version import VERSION

if TYPE_CHECKING:
    from services.metrics.exposition import Exposition

PATH = "/metrics"
REQUEST_BYTES_MAX = 8_192
EXCHANGE_TIMEOUT_S = 5.0  # from the connection to the last byte that the asker took
CONNECTIONS_MAX = 8  # each may hold an answer of some tens of KB

log = logging.getLogger("tarifa.metrics")


class _ScrapeRequest(NamedTuple):
    method: str
    path: str
    accept: str


class Metrics:
    """The sources that each scrape asks, in the order in which they were added."""

    def __init__(self) -> None:
        self._sources: list[Source] = []

    def add(self, *sources: Source) -> None:
        """Have these asked too, from the next scrape on."""
        self._sources.extend(sources)

    async def read(self) -> list[Metric]:
        """Return the metrics of all sources, read now; an exception of a source fails the scrape."""
        found: list[Metric] = []
        for source in self._sources:
            found.extend(await source())
        return found


@asynccontextmanager
async def served_metrics(address: TcpAddress | None, service: str) -> AsyncIterator[Metrics]:
    """Answer scrapes for as long as the block runs; without an address the metrics are never asked.

    Raises:
        SettingError: METRICS_LISTEN cannot be listened on, or somebody does already.
    """
    metrics = Metrics()
    if address is None:
        yield metrics
        return
    # Not at the top: it costs a service memory that it need not have where nobody asks.
    from services.metrics.exposition import Exposition  # noqa: PLC0415

    gc.collect()
    gc.freeze()  # as with all that was imported before: it stays, and need not be looked through
    asked = _Asked(metrics, Exposition(service, VERSION))
    try:
        server = await asyncio.start_server(asked.connected, address.host, address.port, limit=REQUEST_BYTES_MAX)
    except OSError as error:
        raise SettingError(f"METRICS_LISTEN is {address}, which cannot be listened on: {error}") from error
    log.info("metrics.ready", extra={"listen": str(address)})
    try:
        yield metrics
    finally:
        server.close()
        asked.hang_up()


class _Asked:
    def __init__(self, metrics: Metrics, exposition: "Exposition") -> None:
        self._metrics = metrics
        self._exposition = exposition
        self._writers: set[asyncio.StreamWriter] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            async with asyncio.timeout(EXCHANGE_TIMEOUT_S):
                writer.write(await self._answer(reader))
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, asyncio.IncompleteReadError, OSError):
            log.debug("metrics.hung_up")
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            request = _read(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError:
            return _reply(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if request is None:
            return _reply(HTTPStatus.BAD_REQUEST)
        has_body = request.method != "HEAD"
        if request.path.partition("?")[0] != PATH:
            return _reply(HTTPStatus.NOT_FOUND, has_body=has_body)
        if request.method not in {"GET", "HEAD"}:
            return _reply(HTTPStatus.METHOD_NOT_ALLOWED, allow="GET, HEAD")
        try:
            body, content_type = self._exposition.text(await self._metrics.read(), request.accept)
        except Exception:
            log.exception("metrics.fault")
            return _reply(HTTPStatus.INTERNAL_SERVER_ERROR)
        return _reply(HTTPStatus.OK, body, content_type, has_body=has_body)


def _read(head: bytes) -> _ScrapeRequest | None:
    """Return what is asked; None where it is no HTTP/1 request."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004  # method, path, version
        return None
    fields = (line.partition(":") for line in lines)
    accept = ",".join(value.strip() for name, _, value in fields if name.lower() == "accept")
    return _ScrapeRequest(words[0], words[1], accept)


def _reply(
    status: HTTPStatus, body: bytes = b"", content_type: str = "text/plain", *, allow: str = "", has_body: bool = True
) -> bytes:
    if status is not HTTPStatus.OK:
        body = f"{status.phrase}\n".encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n"
    head += f"allow: {allow}\r\n" if allow else ""
    return f"{head}connection: close\r\n\r\n".encode() + (body if has_body else b"")
