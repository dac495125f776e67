"""Two bridges for tests: stock httpx in the place of our transport, and our transport in the place of httpx's."""

import httpx

from services.dispatcher.adapters.connection import BODY_BYTES_MAX, Answer
from services.dispatcher.adapters.transport import ProcessorTransport, Target, target

LENGTH = (b"content-length", b"transfer-encoding")


class Stock:
    """httpx's own transport behind the port of ours: both must lead to the same outcomes."""

    def __init__(self, inner: httpx.AsyncHTTPTransport) -> None:
        self.inner = inner

    async def exchange(self, target: Target, content: bytes, timeout_s: float) -> Answer:
        """Send the same request; the URL is read from its first lines."""
        first, *lines = target.head.decode().removesuffix("\r\n").split("\r\n")
        method, path, _ = first.split(" ")
        headers = [tuple(line.split(": ", 1)) for line in lines]
        origin = target.origin
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        url = f"{'https' if origin.is_tls else 'http'}://{host}:{origin.port}{path}"
        limits = {"timeout": httpx.Timeout(timeout_s).as_dict()}
        request = httpx.Request(method, url, headers=headers, content=content or None, extensions=limits)
        response = await self.inner.handle_async_request(request)
        try:
            body = b""
            assert isinstance(response.stream, httpx.AsyncByteStream)
            async for part in response.stream:
                body += part
                if len(body) > BODY_BYTES_MAX:
                    raise httpx.RemoteProtocolError(f"the body exceeds {BODY_BYTES_MAX} bytes")
        finally:
            await response.aclose()
        return Answer(response.status_code, response.headers.raw, body)

    async def aclose(self) -> None:
        """Close it."""
        await self.inner.aclose()


class AsHttpx(httpx.AsyncBaseTransport):
    """Our transport for httpx's client, whose conveniences the tests use."""

    def __init__(self, ours: ProcessorTransport, timeout_s: float) -> None:
        self._ours = ours
        self._timeout_s = timeout_s

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it once."""
        raw = [(name.decode(), value.decode()) for name, value in request.headers.raw if name.lower() not in LENGTH]
        headers = [(name, value) for name, value in raw if name.lower() != "host"]
        timeout_s = request.extensions.get("timeout", {}).get("read") or self._timeout_s
        asked = target(request.method, request.url, *headers)
        answer = await self._ours.exchange(asked, await request.aread(), timeout_s)
        return httpx.Response(answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.body))

    async def aclose(self) -> None:
        """Close ours."""
        await self._ours.aclose()


async def post(ours: ProcessorTransport, url: str, timeout_s: float) -> Answer:
    """Send an empty POST."""
    return await ours.exchange(target("POST", httpx.URL(url)), b"", timeout_s)
