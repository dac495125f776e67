"""What a server sends, cut anywhere: routed messages arrive whole and once, the rest reaches the client unchanged."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bus.wire.message import Message
from services.bus.wire.message_reader import MessageReader

ROUTED, OTHER = 1, 2
HEAD = b"NATS/1.0 404 No Messages\r\nName: a\r\n\r\n"
SENT = [
    b'INFO {"server_id": "x"}\r\n',
    b"MSG subject 1 5\r\nhello\r\n",
    b"MSG subject 1 reply.to 0\r\n\r\n",
    b"PING\r\n",
    b"MSG subject 2 11\r\nMSG a 1 0\r\n\r\n",
    b"HMSG subject 1 %d %d\r\n%b\r\n" % (len(HEAD), len(HEAD), HEAD),
    b"HMSG subject 1 reply.to %d %d\r\n%bdata\r\n" % (len(HEAD), len(HEAD) + 4, HEAD),
    b"HMSG subject 2 %d %d\r\n%b\r\n" % (len(HEAD), len(HEAD), HEAD),
    b"+OK\r\n",
    b"-ERR 'Unknown'\r\n",
    b"PONG\r\n",
]


class Reader(asyncio.Protocol):
    """The client's own protocol."""

    def __init__(self) -> None:
        self.received = b""
        self.lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        """Collect."""
        self.received += data

    def connection_lost(self, error: Exception | None) -> None:
        """Record it."""
        self.lost.append(error)


def sorted_by(cuts: list[int]) -> tuple[list[Message], bytes]:
    """Feed all in pieces; return the routed messages, and what the client got."""
    routed: list[Message] = []
    reader = Reader()
    inlet = MessageReader({ROUTED: routed.append}, reader)
    stream = b"".join(SENT)
    ends = [0, *sorted(cut % len(stream) for cut in cuts), len(stream)]
    for begin, end in pairwise(ends):
        inlet.data_received(stream[begin:end])
    return routed, reader.received


@given(st.lists(st.integers(0, 10_000), max_size=20))
def test_the_result_is_the_same_wherever_it_is_cut(cuts: list[int]) -> None:
    """Messages by their subscription; the rest in order and unchanged."""
    routed, received = sorted_by(cuts)
    assert [(message.subject, message.reply, message.data) for message in routed] == [
        ("subject", "", b"hello"),
        ("subject", "reply.to", b""),
        ("subject", "", b""),
        ("subject", "reply.to", b"data"),
    ]
    assert [message.headers for message in routed] == [{}, {}] + 2 * [
        {"Status": "404", "Description": "No Messages", "Name": "a"}
    ]
    assert received == b"".join(SENT[at] for at in (0, 3, 4, 7, 8, 9, 10))


def test_byte_by_byte() -> None:
    """The smallest pieces."""
    assert sorted_by(list(range(10_000)))[1] == sorted_by([])[1]


def test_a_bug_in_a_receiver_is_logged_and_costs_no_other_message(caplog: pytest.LogCaptureFixture) -> None:
    """The connection continues."""
    heard: list[bytes] = []

    def broken(message: Message) -> None:
        heard.append(message.data)
        raise ZeroDivisionError

    MessageReader({ROUTED: broken}, Reader()).data_received(b"MSG a 1 1\r\nx\r\nMSG a 1 1\r\ny\r\n")
    assert heard == [b"x", b"y"]
    assert caplog.messages == ["bus.receiver_failed"] * 2


def test_the_end_of_the_connection_is_passed_to_the_reader() -> None:
    """As without a reader in between."""
    reader = Reader()
    inlet = MessageReader({}, reader)
    error = ConnectionResetError()
    inlet.eof_received()
    inlet.connection_lost(error)
    assert reader.lost == [error]
