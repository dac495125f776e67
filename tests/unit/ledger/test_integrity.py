"""What is known about SETTLEMENTS: when the book of it is whole, and how damage is reported."""

from services.ledger.core.integrity import Extent, Integrity


def counted(*seqs: int, known: int = 0) -> Integrity:
    """Return the integrity after counting these sequences, where the server says that there are no others."""
    found = Integrity(known)
    before = 0
    for seq in seqs:
        found.counted(before, seq, b"x")
        before = seq
    found.looked(Extent("then", len(seqs), before), before)
    return found


def test_a_stream_without_a_gap_is_whole() -> None:
    """No damage is reported."""
    found = counted(1, 2, 3)
    assert found.is_whole(3)
    assert (found.damage, found.missing, found.differing) == ("", 0, 0)


def test_no_book_is_whole_before_the_stream_was_looked_at() -> None:
    """At the start and after each reconnect: a missing tail leaves no gap."""
    found = Integrity()
    found.counted(0, 1, b"x")
    assert not found.is_whole(1)
    found.looked(Extent("then", 1, 1), 1)
    assert found.is_whole(1)
    found.reconnected()
    assert not found.is_whole(1)


def test_a_gap_makes_the_book_incomplete() -> None:
    """Also at the head."""
    found = counted(1, 4)
    assert not found.is_whole(4)
    assert found.damage == "2 of its messages are missing"
    assert counted(3).missing == 2


def test_a_missing_tail_makes_the_book_incomplete() -> None:
    """The server remembers its last sequence, but never delivers that message."""
    found = Integrity()
    found.counted(0, 1, b"x")
    found.looked(Extent("then", 1, 3), 3)
    assert not found.is_whole(1)
    assert found.missing == 2


def test_messages_lost_after_they_were_counted_leave_the_book_whole() -> None:
    """They are reported."""
    found = counted(1, 2, 3)
    found.looked(Extent("then", 2, 3), 3)
    assert found.is_whole(3)
    assert found.damage == "1 of its messages are missing"


def test_missing_messages_that_the_operator_declared_are_not_damage() -> None:
    """Up to that number of messages."""
    found = counted(3, known=2)
    assert found.is_whole(3)
    assert found.damage == ""
    found.counted(3, 5, b"x")
    assert not found.is_whole(5)
    assert found.missing == 1


def test_a_stretch_that_differs_is_reported_until_it_matches() -> None:
    """Each change is reported once; a longer stretch over it replaces its result."""
    found = counted(*range(1, 151))
    one, other, _ = found.stretches(150)
    assert found.compared(other, holds=False)
    assert not found.compared(other, holds=False)
    assert not found.compared(one, holds=True)
    assert found.damage == "what is stored at 65 to 128 is not what was counted"
    assert found.is_whole(150)
    assert found.compared(other, holds=True)
    assert found.damage == ""


def test_a_stream_that_cannot_be_counted_is_never_whole() -> None:
    """Whatever else is known."""
    found = counted(1)
    found.broken("it ends too early")
    assert not found.is_whole(1)
    assert found.damage == "it ends too early"


def test_sums_and_gaps_survive_a_snapshot() -> None:
    """A restart knows what was known before."""
    found = counted(1, 4)
    later = Integrity()
    later.resume(*found.taken())
    assert later.stretches(4) == found.stretches(4)
    assert later.missing == 2
