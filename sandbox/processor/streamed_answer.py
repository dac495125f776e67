"""Answers sent in pieces: nothing else waits while a long one is made, and a slow one is slow on purpose."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from sandbox.processor.payment import ProcessorPayment, payment_json
from sandbox.processor.wire import Exchange, render_head

# About 3 ms of work: the longest that another call waits for a piece of a listing.
ROWS_PER_PIECE: Final = 500
# With a caller that reads slowly the listing waits, instead of filling the memory.
UNSENT_BYTES_MAX: Final = 1 << 20
_SLOW_READER_S: Final = 0.01

_LIST_HEAD: Final = render_head(200, ["Content-Type: application/x-ndjson", "Transfer-Encoding: chunked"])
_LAST_CHUNK: Final = b"0\r\n\r\n"


class StreamedAnswer:
    """One exchange's response in pieces; held back until all earlier answers were sent."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._held = b""

    def send(self, piece: bytes) -> None:
        """Send the next piece, as soon as all earlier answers were sent."""
        self._held += piece
        if self._exchange.connection.is_turn_of(self._exchange):
            self._exchange.connection.write(self._held)
            self._held = b""

    def end(self) -> None:
        """End the response; answers to later requests can be sent from now on."""
        self._exchange.answer(self._held)


def stream_payments(exchange: Exchange, payments: Sequence[ProcessorPayment], loop: asyncio.AbstractEventLoop) -> None:
    """Answer with one JSON object per line, some lines per turn of the loop, until done or the caller has hung up."""
    streamed = StreamedAnswer(exchange)
    streamed.send(_LIST_HEAD)

    def send_rows(begin: int) -> None:
        if exchange.is_abandoned:
            return
        if exchange.connection.unsent_bytes > UNSENT_BYTES_MAX:
            loop.call_later(_SLOW_READER_S, send_rows, begin)
        elif begin < len(payments):
            streamed.send(_chunk(payments[begin : begin + ROWS_PER_PIECE]))
            loop.call_soon(send_rows, begin + ROWS_PER_PIECE)
        else:
            streamed.send(_LAST_CHUNK)
            streamed.end()

    loop.call_soon(send_rows, 0)


def send_slowly(exchange: Exchange, raw: bytes, byte_ms: int, loop: asyncio.AbstractEventLoop) -> None:
    """Answer one byte at a time, ``byte_ms`` apart, until done or the caller has hung up."""
    streamed = StreamedAnswer(exchange)

    def send_byte(position: int) -> None:
        if exchange.is_abandoned:
            return
        streamed.send(raw[position : position + 1])
        if position + 1 < len(raw):
            loop.call_later(byte_ms / 1000, send_byte, position + 1)
        else:
            streamed.end()

    send_byte(0)


def _chunk(payments: Iterable[ProcessorPayment]) -> bytes:
    lines = b"".join(payment_json(payment) + b"\n" for payment in payments)
    return b"%x\r\n%b\r\n" % (len(lines), lines)
