"""One HTTP/1.1 connection to a processor: one request at a time, its answer whole or not at all.

No answer is ever taken for another request's: a connection on which anything came that was not asked for, or after
what was asked for, is closed and not used again; whether anything waits to be read is looked at right before each use.
"""

import asyncio
import select
import time
from typing import NamedTuple, cast

import httptools

# All of an answer as it comes, head, framing and body: far above any processor's own. What is longer is no answer.
ANSWER_BYTES_MAX = 64 * 1024
# Of a body; a record, a health reply and a reason are a few hundred bytes. The rest of what is below the bound above is
# read, as it says where the answer ends, and not kept: 256 calls to a processor that answers without an end hold 1 MiB.
BODY_KEPT_BYTES = 4 * 1024

_SUCCESS_BEGINS = 200  # below are interim answers, which another follows


class Answer(NamedTuple):
    """A complete answer; nobody reads headers. ``body`` has BODY_KEPT_BYTES at most; ``is_cut``: there was more.

    ``read_at_ms``: when its last byte was read, in milliseconds since 1970. Behind many others that were read with it,
    the call that waits for it runs milliseconds later.
    """

    status: int
    body: bytes
    read_at_ms: int
    is_cut: bool = False


class BrokenAnswerError(Exception):
    """The connection ended, or what came is no HTTP answer, or too long; what became of the request is not known."""


class Connection(asyncio.Protocol):
    """Made by ``loop.create_connection``; methods named ``on_...`` are the parser's."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._readable = select.poll()
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._asked: asyncio.Future[Answer] | None = None
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
        """Whether it is open and silent at this moment, so that what comes next on it answers the next request."""
        return self.is_open and not self._readable.poll(0)

    async def ask(self, request: bytes, ends_at_s: float) -> Answer:
        """Send a request and return its answer; whoever is cancelled meanwhile must ``abort``.

        Args:
            request: its bytes, complete.
            ends_at_s: when by the loop's clock the answer must be complete; then the connection is closed.

        Raises:
            BrokenAnswerError: there is no complete answer.
            TimeoutError: nor was there one in time.
        """
        assert self._transport is not None  # noqa: S101  # connected, or there were no connection
        loop = asyncio.get_running_loop()
        self._body, self._is_cut, self._size, self._is_complete = b"", False, 0, False
        self._asked = loop.create_future()
        self._transport.write(request)
        # A timer of its own: asyncio.timeout_at comes to the same by cancelling the task, for three times the CPU.
        end = loop.call_at(ends_at_s, self._end)
        try:
            return await self._asked
        finally:
            end.cancel()
            self._asked = None  # an exception in it knows us, by its traceback

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._is_tainted = True
        if self._transport is not None:
            self._transport.abort()

    # ---- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the way out."""
        self._transport = cast("asyncio.Transport", transport)
        self._readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; an answer that nobody asked for ends the connection."""
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
        """Tell who waits."""
        self._is_tainted = True
        self._break(f"the connection ended: {error!r}" if error else "the connection ended")
        self._parser = None  # it knows us: without this only the collector would end both

    # ---- what the parser calls

    def on_message_begin(self) -> None:
        """Note a second answer behind the first."""
        if self._is_complete:
            self._is_tainted = True

    def on_body(self, part: bytes) -> None:
        """Collect what is kept."""
        if self._is_complete:
            return
        room = BODY_KEPT_BYTES - len(self._body)
        self._body += part[:room]
        self._is_cut = self._is_cut or len(part) > room

    def on_message_complete(self) -> None:
        """Note the end, unless it was an interim answer."""
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
            self._asked.set_result(Answer(self._status, self._body, time.time_ns() // 1_000_000, self._is_cut))

    def _end(self) -> None:
        if self._asked is not None and not self._asked.done():
            self.abort()  # what still comes is nobody's
            self._asked.set_exception(TimeoutError())

    def _break(self, why: str) -> None:
        self.abort()
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(BrokenAnswerError(why))
