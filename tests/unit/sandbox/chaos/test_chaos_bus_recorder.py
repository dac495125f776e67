"""The lines in ASSIGNMENTS: which is a move, and which a take-over."""

from sandbox.chaos.bus_recorder import AssignmentTracker
from sandbox.nats_connection import _message, _publish_line
from services.contracts.assignments import Kind, Line, TurnAssigned, encode_assignment

A, B = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2))


def said(payment_id: str, generation: str, kind: Kind = "send") -> bytes:
    """Return a message with one line."""
    return encode_assignment(TurnAssigned("dispatcher-1/x", 1, (Line(payment_id, 1, generation, kind=kind),)))


def test_another_processor_is_a_move_and_the_same_one_a_take_over() -> None:
    """The first line is neither, nor is one after the payment was returned."""
    lines = AssignmentTracker()
    for payment_id, generation in ((A, "default/1"), (A, "default/1"), (B, "default/1"), (B, "fallback/1")):
        lines.add(said(payment_id, generation))
    lines.add(said(B, "fallback/1", "returned"))
    lines.add(said(B, "default/1"))
    assert (lines.moves, lines.take_overs) == (1, 1)


def test_payments_of_a_processor_are_found_by_their_last_line() -> None:
    """The newest line first: a payment in doubt was sent recently."""
    lines = AssignmentTracker()
    for payment_id, generation in ((A, "default/1"), (B, "default/2"), (A, "default/1")):
        lines.add(said(payment_id, generation))
    assert lines.assigned_to("default") == [A, B]
    lines.add(said(A, "fallback/1"))
    assert lines.assigned_to("default") == [B]


def test_a_publish_line_has_its_headers_before_its_data() -> None:
    """With both lengths, of the headers and of all."""
    assert _publish_line("a.b _INBOX.1", b"data", None) == b"PUB a.b _INBOX.1 4\r\ndata\r\n"
    head = b"NATS/1.0\r\nNats-Msg-Id: 7\r\n\r\n"
    expected = b"HPUB a.b _INBOX.1 %d %d\r\n" % (len(head), len(head) + 4) + head + b"data\r\n"
    assert _publish_line("a.b _INBOX.1", b"data", {"Nats-Msg-Id": "7"}) == expected


def test_a_message_of_the_bus_is_read_with_its_headers() -> None:
    """Status and headers come in one block before the data."""
    message = _message("s", b"NATS/1.0 404 Message Not Found\r\nNats-Subject: a.b\r\n\r\n", b"data")
    assert (message.status, message.data, message.headers) == ("404", b"data", {"Nats-Subject": "a.b"})
    assert _message("s", b"", b"data").status == ""
    assert _message("s", b"NATS/1.0\r\nNats-Sequence: 7\r\n\r\n", b"").headers["Nats-Sequence"] == "7"
