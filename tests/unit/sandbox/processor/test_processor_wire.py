"""HTTP on one connection, with a transport that only records."""

import asyncio

import pytest

from sandbox.processor.wire import BODY_BYTES_MAX, PIPELINED_MAX, Connection, Exchange, render

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
OK = render(200, b'"ok"')


class Recorder(asyncio.Transport):
    """A transport that records what a connection does."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Record what was sent."""
        self.written += data

    def close(self) -> None:
        """Record that it was closed."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def pause_reading(self) -> None:
        """Record that reading is paused."""
        self.paused = True

    def resume_reading(self) -> None:
        """Record that reading continues."""
        self.paused = False


def connect() -> tuple[Connection, Recorder, list[Exchange]]:
    """A connection, what it sends, and the exchanges that it passes on."""
    exchanges: list[Exchange] = []
    connection, recorder = Connection(exchanges.append), Recorder()
    connection.connection_made(recorder)
    return connection, recorder, exchanges


def test_request_arriving_byte_by_byte_is_one_exchange() -> None:
    """Target, token and body are assembled from any pieces."""
    connection, _, exchanges = connect()
    request = b"POST /a?from=1 HTTP/1.1\r\nX-RINHA-Token: 123\r\nContent-Length: 4\r\n\r\nbody"
    for position in range(len(request)):
        connection.data_received(request[position : position + 1])
    [exchange] = exchanges
    assert (exchange.method, exchange.path, exchange.query) == (b"POST", b"/a", b"from=1")
    assert (exchange.token, exchange.body) == (b"123", b"body")


def test_requests_of_one_connection_share_nothing() -> None:
    """The next request has neither the token nor the body of the one before."""
    connection, _, exchanges = connect()
    connection.data_received(b"PUT /a HTTP/1.1\r\nX-Rinha-Token: 123\r\nContent-Length: 1\r\n\r\nb" + GET)
    assert (exchanges[1].path, exchanges[1].token, exchanges[1].body) == (b"/x", b"", b"")


def test_answers_are_sent_in_the_order_of_the_requests() -> None:
    """An early answer waits for those before it."""
    connection, recorder, exchanges = connect()
    connection.data_received(GET * 3)
    exchanges[2].answer(b"3")
    exchanges[1].answer(b"2")
    assert recorder.written == b""
    exchanges[0].answer(b"1")
    assert recorder.written == b"123"


def test_connection_is_closed_after_the_answer_if_the_caller_says_so() -> None:
    """`Connection: close` is respected and repeated in the answer; what follows is not answered."""
    connection, recorder, exchanges = connect()
    connection.data_received(b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n")
    exchanges[0].answer(OK)
    connection.data_received(GET)
    assert b"\r\nConnection: close\r\n" in recorder.written
    assert recorder.written.count(b"HTTP/1.1") == 1
    assert recorder.closed


def test_garbage_is_answered_in_order_and_ends_the_connection() -> None:
    """What is not HTTP gets 400, but only after the answers to earlier requests."""
    connection, recorder, exchanges = connect()
    connection.data_received(GET + b"\x16\x03\x01 nonsense\r\n\r\n")
    assert recorder.written == b""
    exchanges[0].answer(OK)
    assert recorder.written.startswith(OK + b"HTTP/1.1 400 Bad Request\r\n")
    assert recorder.closed
    connection.data_received(GET)
    assert len(exchanges) == 1


def test_body_beyond_the_bound_is_refused_without_reaching_the_handler() -> None:
    """It is read to its end, discarded and answered with 413; the connection stays usable."""
    connection, recorder, exchanges = connect()
    size = BODY_BYTES_MAX + 1
    connection.data_received(b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size + GET)
    assert recorder.written.startswith(b"HTTP/1.1 413 ")
    assert [exchange.method for exchange in exchanges] == [b"GET"]


def test_an_answer_after_the_caller_hung_up_is_dropped() -> None:
    """The exchange is marked as abandoned, and answering it does no harm."""
    connection, recorder, exchanges = connect()
    connection.data_received(GET)
    connection.connection_lost(None)
    assert exchanges[0].is_abandoned
    exchanges[0].answer(OK)
    assert recorder.written == b""


def test_reading_pauses_while_too_many_answers_are_outstanding() -> None:
    """It pauses at the limit and continues once answers were sent."""
    connection, recorder, exchanges = connect()
    connection.data_received(GET * PIPELINED_MAX)
    assert recorder.paused
    exchanges[0].answer(OK)
    assert not recorder.paused


def test_a_bug_of_the_handler_is_not_taken_for_garbage() -> None:
    """It is raised instead of becoming a 400."""

    def broken(_: Exchange) -> None:
        raise ZeroDivisionError

    connection, recorder = Connection(broken), Recorder()
    connection.connection_made(recorder)
    with pytest.raises(Exception, match="on_message_complete"):
        connection.data_received(GET)
    assert recorder.written == b""


def test_no_content_has_no_length() -> None:
    """A 204 has neither a body nor Content-Length, as HTTP requires."""
    assert render(204) == b"HTTP/1.1 204 No Content\r\n\r\n"
