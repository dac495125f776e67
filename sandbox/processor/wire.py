"""HTTP/1.1 on one connection: requests become exchanges, answers are sent in the order of the requests.

It knows nothing about payments. A handler gets each `Exchange` once it is complete and answers it now, later
or never; a caller that hangs up does not cancel its request, only its answer is dropped.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, NamedTuple, TypeAlias, cast

import httptools

# Far above any payment; the rest of a longer body is read and discarded.
BODY_BYTES_MAX: Final = 64 * 1024
# With this many unanswered requests, no more is read from a connection until answers were sent.
PIPELINED_MAX: Final = 1_000

_TOKEN_HEADER: Final = b"x-rinha-token"
_ADMIN: Final = b"/admin/"
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


def render(status: int, body: bytes = b"", *, retry_after_s: int | None = None, location: str | None = None) -> bytes:
    """A complete response; fixed answers are rendered once and sent as they are."""
    headers = []
    if body:
        headers.append("Content-Type: application/json")
    if status != HTTPStatus.NO_CONTENT:
        headers.append(f"Content-Length: {len(body)}")
    if retry_after_s is not None:
        headers.append(f"Retry-After: {retry_after_s}")
    if location is not None:
        headers.append(f"Location: {location}")
    return render_head(status, headers) + body


def render_head(status: int, headers: list[str]) -> bytes:
    """Return the part of a response before its body."""
    return "\r\n".join([f"HTTP/1.1 {status} {_REASONS[status]}", *headers, "", ""]).encode()


_NOT_HTTP: Final = render(400, b'{"message":"not an HTTP request"}')
_TOO_LARGE: Final = render(413)
_UNAUTHORIZED: Final = render(401, b'{"message":"the key is missing, or another one"}')


class Exchange:
    """One request and the place for its answer."""

    __slots__ = ("body", "connection", "keep_alive", "method", "path", "query", "raw_answer", "token")

    def __init__(self, connection: "Connection", method: bytes, target: bytes, token: bytes, body: bytes) -> None:
        self.connection = connection
        self.method = method
        self.path, _, self.query = target.partition(b"?")
        self.token = token
        self.body = body
        self.keep_alive = True
        self.raw_answer: bytes | None = None

    @property
    def is_abandoned(self) -> bool:
        """Whether the caller has hung up."""
        return self.connection.is_lost

    def answer(self, raw: bytes) -> None:
        """Answer with the complete response; it is sent as soon as all earlier ones of the connection are."""
        self.raw_answer = raw
        self.connection.flush()


class DivertedExchange(Exchange):
    """The same request, whose answer is passed to a function instead of the caller."""

    __slots__ = ("_divert", "_original")

    def __init__(self, original: Exchange, divert: Callable[[Exchange, bytes], None]) -> None:
        super().__init__(original.connection, original.method, original.path, original.token, original.body)
        self.query = original.query
        self.keep_alive = original.keep_alive
        self._original = original
        self._divert = divert

    def answer(self, raw: bytes) -> None:
        """Pass the complete response, and its exchange, to the function."""
        self._divert(self._original, raw)


Handler: TypeAlias = Callable[[Exchange], None]


class Header(NamedTuple):
    """A header that callers must send; ``name`` in lower case."""

    name: bytes
    value: bytes


class Connection(asyncio.Protocol):
    """A caller's connection; the methods named on_... are the parser's callbacks.

    ``required``: callers without this header are answered with 401, except for admin calls, which have their own token.
    """

    def __init__(self, handle: Handler, required: Header | None = None) -> None:
        self._handle = handle
        self._required = required
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._unanswered: deque[Exchange] = deque()
        self._is_reading = True
        self._start_request()

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone; it stays so."""
        return self._transport is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, over which answers are sent."""
        self._transport = cast("asyncio.Transport", transport)  # a TCP server's transports go both ways

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (the name is the interface's)
        """Drop the transport and the parser, which refers back to this object."""
        self._transport = None
        self._parser = None
        self._unanswered.clear()

    def data_received(self, data: bytes) -> None:
        """Parse the data; every request that it completes is handled before this returns."""
        if self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise  # a bug of the handler, not of the caller: the loop reports it and drops the connection
        except httptools.HttpParserError:
            self._refuse_not_http()
        if self._is_reading and self._transport is not None and len(self._unanswered) >= PIPELINED_MAX:
            self._is_reading = False
            self._transport.pause_reading()

    def on_url(self, url: bytes) -> None:
        """Append (a piece of) the request's target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the headers that matter; the length is compared first because it nearly always differs."""
        if len(name) == len(_TOKEN_HEADER) and name.lower() == _TOKEN_HEADER:
            self._token = value
        elif self._required is not None and name.lower() == self._required.name:
            self._has_header = value == self._required.value

    def on_body(self, body: bytes) -> None:
        """Append (a piece of) the body, up to the limit."""
        self._body_length += len(body)
        if self._body_length <= BODY_BYTES_MAX:
            self._body += body

    def on_message_complete(self) -> None:
        """Pass the request to the handler, and prepare for the next one."""
        parser = self._parser
        if parser is None:
            return
        exchange = Exchange(self, parser.get_method(), self._target, self._token, self._body)
        exchange.keep_alive = parser.should_keep_alive()
        is_too_large = self._body_length > BODY_BYTES_MAX
        is_refused = self._required is not None and not self._has_header and not exchange.path.startswith(_ADMIN)
        self._start_request()
        self._unanswered.append(exchange)
        if is_refused:
            exchange.answer(_UNAUTHORIZED)
        elif is_too_large:
            exchange.answer(_TOO_LARGE)
        else:
            self._handle(exchange)

    def flush(self) -> None:
        """Send the answers that are next in order, and close after the one that was requested to be the last."""
        transport = self._transport
        unanswered = self._unanswered
        if transport is None or transport.is_closing():
            return
        while unanswered and (raw := unanswered[0].raw_answer) is not None:
            exchange = unanswered.popleft()
            if not exchange.keep_alive:
                transport.write(raw.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                transport.close()
                return
            transport.write(raw)
        if not self._is_reading and len(unanswered) < PIPELINED_MAX:
            self._is_reading = True
            transport.resume_reading()

    # For answers in pieces, and for breaking the connection on purpose.

    @property
    def is_idle(self) -> bool:
        """Whether it is open and every request was answered."""
        return self._transport is not None and not self._transport.is_closing() and not self._unanswered

    @property
    def unsent_bytes(self) -> int:
        """How many written bytes were not sent yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def is_turn_of(self, exchange: Exchange) -> bool:
        """Return whether all answers before this exchange's were sent."""
        return bool(self._unanswered) and self._unanswered[0] is exchange

    def write(self, raw: bytes) -> None:
        """Send bytes as they are; the caller has checked that it is their turn."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(raw)

    def stop_reading(self) -> None:
        """Accept no further request, not even one already received; answers are still sent."""
        self._parser = None
        if self._transport is not None:
            self._transport.pause_reading()
        self._is_reading = True  # so that no answer resumes reading

    def close(self) -> None:
        """Close after everything written was sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not sent yet is lost."""
        if self._transport is not None:
            self._transport.abort()

    def _start_request(self) -> None:
        """Reset what was read of the last request."""
        self._target = b""
        self._token = b""
        self._body = b""
        self._body_length = 0
        self._has_header = False

    def _refuse_not_http(self) -> None:
        """Answer what is not HTTP, in order, and read no further: where the next request would start is unknown."""
        self._parser = None
        exchange = Exchange(self, b"", b"", b"", b"")
        exchange.keep_alive = False
        self._unanswered.append(exchange)
        exchange.answer(_NOT_HTTP)
