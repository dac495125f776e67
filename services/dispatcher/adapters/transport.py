"""httpx's API over pyreqwest, at a fraction of the CPU: `httpx.ConnectError` means that not one byte was sent.

Whatever else goes wrong, known or not, is raised as an httpx exception that leaves open whether the request arrived.
An answer is handed out complete or not at all. What a caller must be able to rely on, and why it holds:

- One call is one request on the wire. Redirects are not followed. hyper repeats a request by itself only where a
  reused connection turned out closed while the request still lay in its queue, not yet serialized; once it has begun
  to write, it reports. reqwest's own retries answer refusals of HTTP/2 streams, and only HTTP/1 is spoken here.
- A connection whose call timed out is closed, and so is one that says something while no call is under way. hyper
  notices that when its loop looks at the socket, a millisecond or two later under load; what comes closer than that
  to the next request, or after it has left, cannot be told from its answer: HTTP/1.1 has no name for either.
- Cancelling a call gives up its answer and nothing else: the request still goes out, and its connection is kept from
  others until it is answered or times out.
- No proxy out of the environment, no cookies, no decompression: the processor's URL is where a payment goes.
"""

from datetime import timedelta
from typing import Final

import httpx
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import ConnectError, DecodeError, RequestTimeoutError
from pyreqwest.request import StreamRequest

# Node, uvicorn and Apache close an idle connection after 5 s. A request that meets such a closing has an unknown
# outcome, so ours go first; a new connection costs less than a millisecond.
IDLE_S: Final = 4.0
# Far above any answer of a processor; it bounds what one that went mad can make us hold.
BODY_BYTES_MAX: Final = 64 * 1024

# What the client's error chain says, word for word, where no connection came about. It also raises its ConnectError
# when an established connection breaks, and then this entry is `client error (SendRequest)`.
_NEVER_CONNECTED: Final = {"message": "client error (Connect)"}


class PyreqwestTransport(httpx.AsyncBaseTransport):
    """One pool of HTTP/1.1 connections, to be closed with `aclose`.

    Args:
        timeout_s: from the start of a call to the last byte of its answer; a request's own `read` timeout, where it
            has one, stands in its place and bounds the whole call just so.
        idle_max: connections to one host kept for the next call; more may be in use.
    """

    def __init__(self, *, timeout_s: float, idle_max: int) -> None:
        self._timeout_s = timeout_s
        self._client = _client(idle_max)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request once and return the complete answer.

        Raises:
            httpx.ConnectError: no connection came about and nothing was sent; whatever was asked did not happen.
            httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError: no complete answer; it may have happened.
        """
        try:
            async with await self._sendable(request) as response:
                body = await response.body_reader.read(BODY_BYTES_MAX + 1)
                status, headers = response.status, list(response.headers.items())
        except Exception as error:
            raise _httpx_error(error, request) from error
        content = b"" if body is None else body.to_bytes()
        if len(content) > BODY_BYTES_MAX:
            raise httpx.RemoteProtocolError(f"the body exceeds {BODY_BYTES_MAX} bytes", request=request)
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))

    async def aclose(self) -> None:
        """Give the pool up; calls under way fail with `httpx.ReadError`, which leaves open what became of them."""
        await self._client.close()

    async def _sendable(self, request: httpx.Request) -> StreamRequest:
        timeout_s = request.extensions.get("timeout", {}).get("read") or self._timeout_s
        builder = (
            self._client.request(request.method, str(request.url))
            .headers([(name.decode(), value.decode()) for name, value in request.headers.raw])
            .timeout(timedelta(seconds=timeout_s))
            .streamed_read_buffer_limit(BODY_BYTES_MAX + 1)
        )
        if content := await request.aread():
            builder = builder.body_bytes(content)
        return builder.build_streamed()


def _client(idle_max: int) -> Client:
    return (
        ClientBuilder()
        .http1_only()
        .follow_redirects(enable=False)
        .referer(enable=False)
        .no_proxy()
        .default_cookie_store(enable=False)
        .gzip(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .error_for_status(enable=False)
        .user_agent("tarifa")
        .pool_idle_timeout(timedelta(seconds=IDLE_S))
        .pool_max_idle_per_host(idle_max)
        .build()
    )


def _httpx_error(error: Exception, request: httpx.Request) -> httpx.TransportError:
    """Say in httpx's words what happened; what is not known here may have happened after the request was sent."""
    match error:
        case ConnectError() if _NEVER_CONNECTED in (error.details["causes"] or ()):
            return httpx.ConnectError(error.message, request=request)
        case RequestTimeoutError():
            return httpx.ReadTimeout(error.message, request=request)
        case DecodeError():
            return httpx.RemoteProtocolError(error.message, request=request)
        case _:
            return httpx.ReadError(f"{type(error).__name__}: {error}", request=request)
