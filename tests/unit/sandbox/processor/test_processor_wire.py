"""HTTP on one connection, with a transport that only remembers."""

import asyncio

import pytest

from sandbox.processor.wire import BODY_BYTES_MAX, PIPELINED_MAX, Connection, Exchange, render

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
OK = render(200, b'"ok"')


class Recorder(asyncio.Transport):
    """A transport that remembers what a connection did with it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Remember what was sent."""
        self.written += data

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def pause_reading(self) -> None:
        """Remember that nothing is to be read."""
        self.paused = True

    def resume_reading(self) -> None:
        """Remember that reading goes on."""
        self.paused = False


def connect() -> tuple[Connection, Recorder, list[Exchange]]:
    """A connection, what it sends, and the exchanges that it hands over."""
    exchanges: list[Exchange] = []
    connection, recorder = Connection(exchanges.append), Recorder()
    connection.connection_made(recorder)
    return connection, recorder, exchanges


def test_request_arriving_byte_by_byte_is_one_exchange() -> None:
    """Target, token and body are put together from whatever pieces the network makes."""
    connection, _, exchanges = connect()
    request = b"POST /a?from=1 HTTP/1.1\r\nX-RINHA-Token: 123\r\nContent-Length: 4\r\n\r\nbody"
    for position in range(len(request)):
        connection.data_received(request[position : position + 1])
    [exchange] = exchanges
    assert (exchange.method, exchange.path, exchange.query) == (b"POST", b"/a", b"from=1")
    assert (exchange.token, exchange.body) == (b"123", b"body")


def test_requests_of_one_connection_do_not_inherit_from_each_other() -> None:
    """The token and the body of one request are gone for the next."""
    connection, _, exchanges = connect()
    connection.data_received(b"PUT /a HTTP/1.1\r\nX-Rinha-Token: 123\r\nContent-Length: 1\r\n\r\nb" + GET)
    assert (exchanges[1].path, exchanges[1].token, exchanges[1].body) == (b"/x", b"", b"")


def test_answers_go_out_in_the_order_of_the_requests() -> None:
    """An early answer waits for those before it."""
    connection, recorder, exchanges = connect()
    connection.data_received(GET * 3)
    exchanges[2].answer(b"3")
    exchanges[1].answer(b"2")
    assert recorder.written == b""
    exchanges[0].answer(b"1")
    assert recorder.written == b"123"


def test_connection_is_closed_after_the_answer_if_the_caller_says_so() -> None:
    """`Connection: close` is honoured and repeated, and what follows it is not answered."""
    connection, recorder, exchanges = connect()
    connection.data_received(b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n")
    exchanges[0].answer(OK)
    connection.data_received(GET)
    assert b"\r\nConnection: close\r\n" in recorder.written
    assert recorder.written.count(b"HTTP/1.1") == 1
    assert recorder.closed


def test_garbage_is_answered_in_its_turn_and_ends_the_connection() -> None:
    """What is not HTTP gets 400, but only after the answers that others are owed."""
    connection, recorder, exchanges = connect()
    connection.data_received(GET + b"\x16\x03\x01 nonsense\r\n\r\n")
    assert recorder.written == b""
    exchanges[0].answer(OK)
    assert recorder.written.startswith(OK + b"HTTP/1.1 400 Bad Request\r\n")
    assert recorder.closed
    connection.data_received(GET)
    assert len(exchanges) == 1


def test_body_beyond_the_bound_is_refused_without_reaching_the_handler() -> None:
    """It is read to its end, thrown away and answered 413; the connection stays usable."""
    connection, recorder, exchanges = connect()
    size = BODY_BYTES_MAX + 1
    connection.data_received(b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size + GET)
    assert recorder.written.startswith(b"HTTP/1.1 413 ")
    assert [exchange.method for exchange in exchanges] == [b"GET"]


def test_answer_after_hanging_up_goes_nowhere() -> None:
    """The exchange knows that it is abandoned, and answering it does no harm."""
    connection, recorder, exchanges = connect()
    connection.data_received(GET)
    connection.connection_lost(None)
    assert exchanges[0].is_abandoned
    exchanges[0].answer(OK)
    assert recorder.written == b""


def test_nothing_more_is_read_while_too_many_answers_are_owed() -> None:
    """Reading pauses at the bound and goes on when answers have gone out."""
    connection, recorder, exchanges = connect()
    connection.data_received(GET * PIPELINED_MAX)
    assert recorder.paused
    exchanges[0].answer(OK)
    assert not recorder.paused


def test_mistake_of_the_handler_is_not_taken_for_garbage() -> None:
    """A bug shows itself instead of becoming the caller's 400."""

    def broken(_: Exchange) -> None:
        raise ZeroDivisionError

    connection, recorder = Connection(broken), Recorder()
    connection.connection_made(recorder)
    with pytest.raises(Exception, match="on_message_complete"):
        connection.data_received(GET)
    assert recorder.written == b""


def test_no_content_has_no_length() -> None:
    """A 204 carries neither body nor Content-Length, as HTTP demands."""
    assert render(204) == b"HTTP/1.1 204 No Content\r\n\r\n"
