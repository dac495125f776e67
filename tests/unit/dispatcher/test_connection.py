"""An answer and the call's timeout in one turn of the loop: the first of them decides."""

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import cast

import pytest

from services.dispatcher.adapters.connection import BrokenAnswerError, HttpAnswer, ProcessorConnection

LATER_S = 3600.0
BUSY_S = 0.01
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Wire:
    """The loop's end of a connection on which nothing is sent."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._is_closing = False

    def get_extra_info(self, _name: str) -> socket.socket:
        """Return the socket."""
        return self._end

    def write(self, data: bytes) -> None:
        """Discard it."""

    def abort(self) -> None:
        """Close."""
        self._is_closing = True

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self._is_closing


@pytest.fixture
def connection() -> Iterator[ProcessorConnection]:
    """Provide an open connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        made = ProcessorConnection()
        made.connection_made(cast("asyncio.Transport", Wire(ours)))
        yield made


async def asked(connection: ProcessorConnection) -> asyncio.Task[HttpAnswer]:
    """Send a request, and return once it was sent."""
    task = asyncio.create_task(connection.ask(b"", asyncio.get_running_loop().time() + LATER_S))
    await asyncio.sleep(0)
    return task


async def test_answer_before_the_timeout_counts(connection: ProcessorConnection) -> None:
    """It is complete, and its connection is kept."""
    call = await asked(connection)
    connection.data_received(ANSWER)
    connection._end()
    assert (await call)[:2] == (200, b"{}")
    assert connection.is_usable()


async def test_an_answer_has_the_time_when_it_was_read(connection: ProcessorConnection) -> None:
    """However long the loop is busy before the call resumes: a summary of a moment in between has to count it."""
    call = await asked(connection)
    before_ms = time.time_ns() // 1_000_000
    connection.data_received(ANSWER)
    after_ms = time.time_ns() // 1_000_000
    time.sleep(BUSY_S)  # noqa: ASYNC251 (others that were read with it have their turns)
    assert before_ms <= (await call).read_at_ms <= after_ms


async def test_answer_after_the_timeout_is_dropped(connection: ProcessorConnection) -> None:
    """The call has timed out, and the connection is not used again."""
    call = await asked(connection)
    connection._end()
    connection.data_received(ANSWER)
    with pytest.raises(TimeoutError):
        await call
    assert not connection.is_open


async def test_answer_to_a_cancelled_call_closes(connection: ProcessorConnection) -> None:
    """Even if it arrives before the canceller could close the connection."""
    call = await asked(connection)
    call.cancel()
    connection.data_received(ANSWER)
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not connection.is_open


async def test_end_of_the_connection_is_not_an_answer(connection: ProcessorConnection) -> None:
    """Nor is the part that had arrived."""
    call = await asked(connection)
    connection.data_received(ANSWER[:-1])
    connection.connection_lost(None)
    connection._end()
    with pytest.raises(BrokenAnswerError):
        await call
