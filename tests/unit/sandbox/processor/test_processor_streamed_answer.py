"""Answers in pieces: sent one by one, in order, and only as fast as the caller reads."""

import asyncio
import json

from sandbox.processor.payment import ProcessorPayment
from sandbox.processor.streamed_answer import ROWS_PER_PIECE, UNSENT_BYTES_MAX, send_slowly, stream_payments
from sandbox.processor.wire import Connection, DivertedExchange, Exchange, render

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
OK = render(200, b'"ok"')
PAYMENTS = [ProcessorPayment(f"{number:032x}", number, number) for number in range(2 * ROWS_PER_PIECE + 1)]


class Caller(asyncio.Transport):
    """A transport that records each write, and whose reader may be slow."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.unsent_bytes = 0
        self.is_paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Record what was sent."""
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        """Never."""
        return False

    def get_write_buffer_size(self) -> int:
        """Return what the test set."""
        return self.unsent_bytes

    def pause_reading(self) -> None:
        """Record that reading is paused."""
        self.is_paused = True

    def resume_reading(self) -> None:
        """Record that reading continues."""
        self.is_paused = False


def connect(request_count: int = 1) -> tuple[Connection, Caller, list[Exchange]]:
    """A connection with that many requests."""
    exchanges: list[Exchange] = []
    connection, caller = Connection(exchanges.append), Caller()
    connection.connection_made(caller)
    connection.data_received(GET * request_count)
    return connection, caller, exchanges


async def until_done(exchange: Exchange) -> None:
    """Let the loop run until the exchange is answered."""
    async with asyncio.timeout(30):
        while exchange.raw_answer is None:  # noqa: ASYNC110 (an exchange notifies only its connection)
            await asyncio.sleep(0)


def unchunked(raw: bytes) -> bytes:
    """Return the body of a complete chunked response."""
    _, _, rest = raw.partition(b"\r\n\r\n")
    body = b""
    while True:
        length, _, rest = rest.partition(b"\r\n")
        if int(length, 16) == 0:
            assert rest == b"\r\n"
            return body
        body += rest[: int(length, 16)]
        rest = rest[int(length, 16) + 2 :]


async def test_a_listing_yields_to_the_loop_after_each_piece() -> None:
    """All rows arrive in order, and other tasks run between two pieces."""
    _, caller, [exchange] = connect()
    stream_payments(exchange, PAYMENTS, asyncio.get_running_loop())
    assert len(caller.writes) == 1  # the head; rows are made in later turns
    await until_done(exchange)
    rows = [json.loads(line) for line in unchunked(b"".join(caller.writes)).splitlines()]
    assert [row["correlationId"] for row in rows] == [payment.correlation_id for payment in PAYMENTS]
    assert max(write.count(b"correlationId") for write in caller.writes) == ROWS_PER_PIECE


async def test_an_empty_listing_is_complete() -> None:
    """Its body is empty and properly terminated."""
    _, caller, [exchange] = connect()
    stream_payments(exchange, [], asyncio.get_running_loop())
    await until_done(exchange)
    assert unchunked(b"".join(caller.writes)) == b""


async def test_listing_waits_for_a_slow_reader() -> None:
    """While too much is unsent no row is written; it continues when there is room."""
    _, caller, [exchange] = connect()
    caller.unsent_bytes = UNSENT_BYTES_MAX + 1
    stream_payments(exchange, PAYMENTS, asyncio.get_running_loop())
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(caller.writes) == 1
    caller.unsent_bytes = 0
    await until_done(exchange)
    assert unchunked(b"".join(caller.writes)).count(b"\n") == len(PAYMENTS)


async def test_listing_stops_when_the_caller_hangs_up() -> None:
    """No further row is written."""
    connection, caller, [exchange] = connect()
    stream_payments(exchange, PAYMENTS, asyncio.get_running_loop())
    connection.connection_lost(None)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(caller.writes) == 1


async def test_pieces_wait_for_the_answers_before_them() -> None:
    """An answer in pieces behind an unanswered request is held back, and is complete when it is sent."""
    _, caller, [first, second] = connect(2)
    send_slowly(second, OK, 0, asyncio.get_running_loop())
    await until_done(second)
    assert caller.writes == []
    first.answer(b"first")
    assert b"".join(caller.writes) == b"first" + OK


async def test_slow_answer_comes_byte_by_byte() -> None:
    """Every byte is a write of its own, and the next answer comes after the last of them."""
    _, caller, [first, second] = connect(2)
    second.answer(b"second")
    send_slowly(first, OK, 0, asyncio.get_running_loop())
    await until_done(first)
    assert b"".join(caller.writes) == OK + b"second"
    assert all(len(write) <= 1 for write in caller.writes[:-1])


def test_a_connection_that_stopped_reading_passes_nothing_on() -> None:
    """Neither what comes later nor what came in the same piece, and no answer makes it read again."""
    exchanges: list[Exchange] = []

    def stop_at_first(exchange: Exchange) -> None:
        exchanges.append(exchange)
        exchange.connection.stop_reading()

    connection, caller = Connection(stop_at_first), Caller()
    connection.connection_made(caller)
    connection.data_received(GET * 2)
    connection.data_received(GET)
    [exchange] = exchanges
    exchange.answer(OK)
    assert caller.writes == [OK]
    assert caller.is_paused


def test_diverted_answer_does_not_reach_the_caller() -> None:
    """The function that it was diverted to receives the exchange and the answer, and decides."""
    _, caller, [exchange] = connect()
    diverted: list[tuple[Exchange, bytes]] = []
    DivertedExchange(exchange, lambda original, raw: diverted.append((original, raw))).answer(OK)
    assert diverted == [(exchange, OK)]
    assert caller.writes == []
