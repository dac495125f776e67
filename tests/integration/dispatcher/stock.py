"""httpx's own transport behind the one call that ours has, to compare ours with."""

import ssl
import time
from typing import cast

import httpx

from services.dispatcher.adapters.connection import ANSWER_BYTES_MAX, BODY_KEPT_BYTES, HttpAnswer
from services.dispatcher.adapters.transport import Origin

_CONNECTIONS_MAX = 16


class StockTransport:
    """One pool of httpx's, configured as a processor needs it."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        limits = httpx.Limits(max_connections=_CONNECTIONS_MAX, max_keepalive_connections=_CONNECTIONS_MAX)
        self._stock = httpx.AsyncHTTPTransport(verify=tls or True, trust_env=False, limits=limits)

    async def exchange(self, origin: Origin, wire: bytes, timeout_s: float) -> HttpAnswer:
        """Take the request apart, have httpx send it, and read the answer up to the limit that ours has."""
        head, _, content = wire.partition(b"\r\n\r\n")
        begins, *lines = head.split(b"\r\n")
        method, target, _ = begins.split(b" ")
        url = httpx.URL(scheme="https" if origin.tls else "http", host=origin.host, port=origin.port, raw_path=target)
        headers = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
        limits = {"timeout": httpx.Timeout(timeout_s).as_dict()}
        request = httpx.Request(method, url, headers=headers, stream=httpx.ByteStream(content), extensions=limits)
        response = await self._stock.handle_async_request(request)
        body = b""
        try:
            async for part in cast("httpx.AsyncByteStream", response.stream):
                body += part
                if len(body) > ANSWER_BYTES_MAX:
                    raise httpx.RemoteProtocolError(f"the body exceeds {ANSWER_BYTES_MAX} bytes")
        finally:
            await response.aclose()
        return HttpAnswer(
            response.status_code, body[:BODY_KEPT_BYTES], time.time_ns() // 1_000_000, len(body) > BODY_KEPT_BYTES
        )

    async def aclose(self) -> None:
        """Close the pool."""
        await self._stock.aclose()
