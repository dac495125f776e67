"""What is written about bindings: which is a move, and which a take-over."""

from sandbox.chaos.tap import Bindings
from sandbox.nats_wire import _message


def test_another_processor_is_a_move_and_the_same_one_a_take_over() -> None:
    """A payment is at the home before anything is written."""
    bindings = Bindings("default")
    bindings.written("a", "default")
    bindings.written("b", "fallback")
    bindings.written("b", "fallback")
    bindings.written("b", "default")
    assert (bindings.moves, bindings.take_overs) == (2, 2)


def test_a_message_of_the_bus_is_read_with_its_headers() -> None:
    """Status and headers come in one block before the data."""
    message = _message("s", b"NATS/1.0 404 Message Not Found\r\nNats-Subject: a.b\r\n\r\n", b"data")
    assert (message.status, message.data, message.headers) == ("404", b"data", {"Nats-Subject": "a.b"})
    assert _message("s", b"", b"data").status == ""
    assert _message("s", b"NATS/1.0\r\nNats-Sequence: 7\r\n\r\n", b"").headers["Nats-Sequence"] == "7"
