"""Answers in pieces: sent bit by bit, in their turn, and never ahead of a caller that does not read."""

import asyncio
import json

from sandbox.processor.payment import Payment
from sandbox.processor.pieces import ROWS_PER_SLICE, UNSENT_BYTES_MAX, drip, list_payments
from sandbox.processor.wire import Connection, DivertedExchange, Exchange, render

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
OK = render(200, b'"ok"')
PAYMENTS = [Payment(f"{number:032x}", number, number) for number in range(2 * ROWS_PER_SLICE + 1)]


class Caller(asyncio.Transport):
    """A transport that remembers each write, and whose reader may be slow."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.unsent_bytes = 0
        self.is_paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Remember what was sent."""
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        """Never."""
        return False

    def get_write_buffer_size(self) -> int:
        """As the test says."""
        return self.unsent_bytes

    def pause_reading(self) -> None:
        """Remember that nothing is to be read."""
        self.is_paused = True

    def resume_reading(self) -> None:
        """Remember that reading goes on."""
        self.is_paused = False


def connect(request_count: int = 1) -> tuple[Connection, Caller, list[Exchange]]:
    """A connection with so many requests."""
    exchanges: list[Exchange] = []
    connection, caller = Connection(exchanges.append), Caller()
    connection.connection_made(caller)
    connection.data_received(GET * request_count)
    return connection, caller, exchanges


async def until_done(exchange: Exchange) -> None:
    """Let the loop turn until the exchange is answered."""
    async with asyncio.timeout(30):
        while exchange.raw_answer is None:  # noqa: ASYNC110 (an exchange notifies only its connection)
            await asyncio.sleep(0)


def unchunked(raw: bytes) -> bytes:
    """The body of a chunked response, its end seen."""
    _, _, rest = raw.partition(b"\r\n\r\n")
    body = b""
    while True:
        length, _, rest = rest.partition(b"\r\n")
        if int(length, 16) == 0:
            assert rest == b"\r\n"
            return body
        body += rest[: int(length, 16)]
        rest = rest[int(length, 16) + 2 :]


async def test_listing_takes_a_turn_of_the_loop_for_each_slice() -> None:
    """All rows arrive in order, and between two slices everything else has its turn."""
    _, caller, [exchange] = connect()
    list_payments(exchange, PAYMENTS, asyncio.get_running_loop())
    assert len(caller.writes) == 1  # the head; rows are made in later turns
    await until_done(exchange)
    rows = [json.loads(line) for line in unchunked(b"".join(caller.writes)).splitlines()]
    assert [row["correlationId"] for row in rows] == [payment.correlation_id for payment in PAYMENTS]
    assert max(write.count(b"correlationId") for write in caller.writes) == ROWS_PER_SLICE


async def test_listing_of_nothing_is_complete() -> None:
    """No rows are an empty body with a proper end."""
    _, caller, [exchange] = connect()
    list_payments(exchange, [], asyncio.get_running_loop())
    await until_done(exchange)
    assert unchunked(b"".join(caller.writes)) == b""


async def test_listing_waits_for_a_slow_reader() -> None:
    """While too much is unsent no row is made; it goes on when there is room."""
    _, caller, [exchange] = connect()
    caller.unsent_bytes = UNSENT_BYTES_MAX + 1
    list_payments(exchange, PAYMENTS, asyncio.get_running_loop())
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(caller.writes) == 1
    caller.unsent_bytes = 0
    await until_done(exchange)
    assert unchunked(b"".join(caller.writes)).count(b"\n") == len(PAYMENTS)


async def test_listing_stops_when_nobody_listens() -> None:
    """A caller that hangs up ends the work."""
    connection, caller, [exchange] = connect()
    list_payments(exchange, PAYMENTS, asyncio.get_running_loop())
    connection.connection_lost(None)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(caller.writes) == 1


async def test_pieces_wait_for_the_answers_before_them() -> None:
    """An answer in pieces behind an unanswered request is held back, and is whole when its turn comes."""
    _, caller, [first, second] = connect(2)
    drip(second, OK, 0, asyncio.get_running_loop())
    await until_done(second)
    assert caller.writes == []
    first.answer(b"first")
    assert b"".join(caller.writes) == b"first" + OK


async def test_dripped_answer_comes_byte_by_byte() -> None:
    """Every byte is written alone, and the next answer comes after the last of them."""
    _, caller, [first, second] = connect(2)
    second.answer(b"second")
    drip(first, OK, 0, asyncio.get_running_loop())
    await until_done(first)
    assert b"".join(caller.writes) == OK + b"second"
    assert all(len(write) <= 1 for write in caller.writes[:-1])


def test_connection_that_stopped_reading_hands_nothing_over_any_more() -> None:
    """Not what comes later, not what came in the same piece, and no answer that goes out makes it read again."""
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
    """The function that it was diverted to gets the exchange and the answer, and decides."""
    _, caller, [exchange] = connect()
    diverted: list[tuple[Exchange, bytes]] = []
    DivertedExchange(exchange, lambda original, raw: diverted.append((original, raw))).answer(OK)
    assert diverted == [(exchange, OK)]
    assert caller.writes == []
