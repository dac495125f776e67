"""What is known about SETTLEMENTS: when a book of it is whole, and what is said where it is damaged."""

from services.ledger.core.integrity import Extent, Integrity


def counted(*seqs: int, known: int = 0) -> Integrity:
    """Return what is known when messages of these sequences were counted, and the server said that this is all."""
    found = Integrity(known)
    before = 0
    for seq in seqs:
        found.counted(before, seq, b"x")
        before = seq
    found.looked(Extent("then", len(seqs), before), before)
    return found


def test_a_stream_without_a_gap_is_whole() -> None:
    """And nothing is said."""
    found = counted(1, 2, 3)
    assert found.is_whole(3)
    assert (found.damage, found.missing, found.differing) == ("", 0, 0)


def test_nothing_is_whole_before_somebody_has_looked() -> None:
    """At the start, and after each reconnect: a tail that is gone leaves no gap."""
    found = Integrity()
    found.counted(0, 1, b"x")
    assert not found.is_whole(1)
    found.looked(Extent("then", 1, 1), 1)
    assert found.is_whole(1)
    found.reconnected()
    assert not found.is_whole(1)


def test_a_gap_makes_the_book_short() -> None:
    """At the head as well."""
    found = counted(1, 4)
    assert not found.is_whole(4)
    assert found.damage == "2 of its messages are missing"
    assert counted(3).missing == 2


def test_a_tail_that_is_gone_makes_the_book_short() -> None:
    """The server remembers its last sequence, and never delivers it."""
    found = Integrity()
    found.counted(0, 1, b"x")
    found.looked(Extent("then", 1, 3), 3)
    assert not found.is_whole(1)
    assert found.missing == 2


def test_messages_lost_after_they_were_counted_leave_the_book_whole() -> None:
    """And are reported."""
    found = counted(1, 2, 3)
    found.looked(Extent("then", 2, 3), 3)
    assert found.is_whole(3)
    assert found.damage == "1 of its messages are missing"


def test_what_an_operator_knows_to_be_missing_is_no_damage() -> None:
    """Up to so many."""
    found = counted(3, known=2)
    assert found.is_whole(3)
    assert found.damage == ""
    found.counted(3, 5, b"x")
    assert not found.is_whole(5)
    assert found.missing == 1


def test_a_stretch_that_differs_is_reported_until_it_holds() -> None:
    """Which is news both times, and only then; a longer stretch over it speaks for it."""
    found = counted(*range(1, 151))
    one, other, _ = found.stretches(150)
    assert found.compared(other, holds=False)
    assert not found.compared(other, holds=False)
    assert not found.compared(one, holds=True)
    assert found.damage == "what is stored at 65 to 128 is not what was counted"
    assert found.is_whole(150)
    assert found.compared(other, holds=True)
    assert found.damage == ""


def test_a_store_that_cannot_be_counted_is_never_whole() -> None:
    """Whatever else is known."""
    found = counted(1)
    found.broken("it ends too early")
    assert not found.is_whole(1)
    assert found.damage == "it ends too early"


def test_sums_and_gaps_go_through_a_snapshot() -> None:
    """A restart knows what was known before."""
    found = counted(1, 4)
    later = Integrity()
    later.resume(*found.taken())
    assert later.stretches(4) == found.stretches(4)
    assert later.missing == 2
