"""One HTTP/1.1 connection to a processor: one request at a time, and only complete answers.

No answer is ever taken for another request's: a connection on which anything came unasked, or after an answer, is
closed and not used again; right before each use it is checked that nothing waits to be read.
"""

import asyncio
import select
import time
from typing import NamedTuple, cast

import httptools

# All bytes of an answer: head, framing and body; far above any processor's own. Anything longer is not an answer.
ANSWER_BYTES_MAX = 64 * 1024
# Of a body; a record, a health reply and an error are a few hundred bytes. The rest up to the bound above is read, to
# find the answer's end, and dropped: 256 calls to a processor that answers without an end hold 1 MiB.
BODY_KEPT_BYTES = 4 * 1024

_SUCCESS_BEGINS = 200  # below are interim answers, which another follows


class HttpAnswer(NamedTuple):
    """A complete answer; headers are not needed. ``body`` has BODY_KEPT_BYTES at most; ``is_cut``: there was more.

    ``read_at_ms``: when its last byte was read, in milliseconds since 1970. If many answers were read at once, the call
    that awaits this one resumes milliseconds later.
    """

    status: int
    body: bytes
    read_at_ms: int
    is_cut: bool = False


class BrokenAnswerError(Exception):
    """The connection ended, or what came is not an HTTP answer, or too long; the request's outcome is not known."""


class ProcessorConnection(asyncio.Protocol):
    """Created by ``loop.create_connection``; methods named ``on_...`` are the parser's."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._readable = select.poll()
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._asked: asyncio.Future[HttpAnswer] | None = None
        self._is_tainted = False
        self._body = b""
        self._is_cut = False
        self._size = 0
        self._is_complete = False
        self._status = 0
        self.idle_since_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it may be kept for another request."""
        return not self._is_tainted and self._transport is not None and not self._transport.is_closing()

    def is_usable(self) -> bool:
        """Whether it is open and silent now, so that what comes next on it answers the next request."""
        return self.is_open and not self._readable.poll(0)

    async def ask(self, request: bytes, ends_at_s: float) -> HttpAnswer:
        """Send a request and return its answer; a caller that is cancelled meanwhile must ``abort``.

        Args:
            request: its bytes, complete.
            ends_at_s: when by the loop's clock the answer must be complete; then the connection is closed.

        Raises:
            BrokenAnswerError: there is no complete answer.
            TimeoutError: the same, in time.
        """
        assert self._transport is not None  # noqa: S101  # it is connected, or nobody would have it
        loop = asyncio.get_running_loop()
        self._body, self._is_cut, self._size, self._is_complete = b"", False, 0, False
        self._asked = loop.create_future()
        self._transport.write(request)
        # Its own timer: asyncio.timeout_at has the same effect by cancelling the task, at three times the CPU.
        end = loop.call_at(ends_at_s, self._end)
        try:
            return await self._asked
        finally:
            end.cancel()
            self._asked = None  # an exception in it refers to this object, by its traceback

    def abort(self) -> None:
        """Close at once, even with a request under way."""
        self._is_tainted = True
        if self._transport is not None:
            self._transport.abort()

    # ---- called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; bytes that no request waits for end the connection."""
        if self._asked is None or self._asked.done() or self._parser is None:
            self.abort()
            return
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._is_tainted = True
            if not self._is_complete:
                self._break(f"not an HTTP answer: {error}")
                return
        if self._size > ANSWER_BYTES_MAX:
            self._break(f"the answer is over {ANSWER_BYTES_MAX // 1024} KiB")
        elif self._is_complete:
            self._answer()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the request under way."""
        self._is_tainted = True
        self._break(f"the connection ended: {error!r}" if error else "the connection ended")
        self._parser = None  # it refers to this object: otherwise only the garbage collector would free both

    # ---- called by the parser

    def on_message_begin(self) -> None:
        """Record a second answer after the first."""
        if self._is_complete:
            self._is_tainted = True

    def on_body(self, part: bytes) -> None:
        """Keep the part that is within the bound."""
        if self._is_complete:
            return
        room = BODY_KEPT_BYTES - len(self._body)
        self._body += part[:room]
        self._is_cut = self._is_cut or len(part) > room

    def on_message_complete(self) -> None:
        """Record the end, unless it was an interim answer."""
        if self._is_complete or self._parser is None:
            return
        status = self._parser.get_status_code()
        if status < _SUCCESS_BEGINS:
            return
        self._is_complete = True
        self._status = status
        if not self._parser.should_keep_alive():
            self._is_tainted = True

    # ----

    def _answer(self) -> None:
        if self._is_tainted and self._transport is not None:
            self._transport.abort()
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(HttpAnswer(self._status, self._body, time.time_ns() // 1_000_000, self._is_cut))

    def _end(self) -> None:
        if self._asked is not None and not self._asked.done():
            self.abort()  # what still comes is dropped
            self._asked.set_exception(TimeoutError())

    def _break(self, why: str) -> None:
        self.abort()
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(BrokenAnswerError(why))
