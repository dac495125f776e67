"""An answer and the end of its time in one turn of the loop: whichever comes first decides."""

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import cast

import pytest

from services.dispatcher.adapters.connection import Answer, BrokenAnswerError, Connection

LATER_S = 3600.0
BUSY_S = 0.01
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Wire:
    """The loop's end of a connection on which nothing is sent."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._is_closing = False

    def get_extra_info(self, _name: str) -> socket.socket:
        """Give the socket."""
        return self._end

    def write(self, data: bytes) -> None:
        """Swallow."""

    def abort(self) -> None:
        """Close."""
        self._is_closing = True

    def is_closing(self) -> bool:
        """Tell whether it was closed."""
        return self._is_closing


@pytest.fixture
def connection() -> Iterator[Connection]:
    """Give an open connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        made = Connection()
        made.connection_made(cast("asyncio.Transport", Wire(ours)))
        yield made


async def asked(connection: Connection) -> asyncio.Task[Answer]:
    """Ask, and return once the request was sent."""
    task = asyncio.create_task(connection.ask(b"", asyncio.get_running_loop().time() + LATER_S))
    await asyncio.sleep(0)
    return task


async def test_answer_before_the_end_stands(connection: Connection) -> None:
    """It is complete, and its connection is kept."""
    call = await asked(connection)
    connection.data_received(ANSWER)
    connection._end()
    assert (await call)[:2] == (200, b"{}")
    assert connection.is_usable()


async def test_an_answer_has_the_time_when_it_was_read(connection: Connection) -> None:
    """However long the loop is busy before the call goes on: a summary of a moment in between has to count it."""
    call = await asked(connection)
    before_ms = time.time_ns() // 1_000_000
    connection.data_received(ANSWER)
    after_ms = time.time_ns() // 1_000_000
    time.sleep(BUSY_S)  # noqa: ASYNC251 (others that were read with it have their turns)
    assert before_ms <= (await call).read_at_ms <= after_ms


async def test_answer_after_the_end_is_nobodys(connection: Connection) -> None:
    """The call has timed out, and nothing else is asked there."""
    call = await asked(connection)
    connection._end()
    connection.data_received(ANSWER)
    with pytest.raises(TimeoutError):
        await call
    assert not connection.is_open


async def test_answer_to_a_cancelled_call_closes(connection: Connection) -> None:
    """Even where it comes before whoever cancelled could close."""
    call = await asked(connection)
    call.cancel()
    connection.data_received(ANSWER)
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not connection.is_open


async def test_end_of_the_connection_is_no_answer(connection: Connection) -> None:
    """Nor is what came of it until then."""
    call = await asked(connection)
    connection.data_received(ANSWER[:-1])
    connection.connection_lost(None)
    connection._end()
    with pytest.raises(BrokenAnswerError):
        await call
