"""Sums of stretches: equal messages have equal sums in any stretch, and different ones do not."""

import pytest

from services.ledger.core import sums
from services.ledger.core.sums import SummedStretch, Sums, added, newest_first, number_of


def data_of(seq: int) -> bytes:
    """Return a message."""
    return b"message %d" % seq


def sum_of(first: int, last: int) -> int:
    """Return the sum of messages as a reader of the stream would compute it."""
    total = 0
    for seq in range(first, last + 1):
        total = added(total, number_of(seq, data_of(seq)))
    return total


def counted(last: int, made: Sums | None = None, first: int = 1) -> Sums:
    """Return the sums after adding the messages from ``first`` to ``last``."""
    made = Sums() if made is None else made
    for seq in range(first, last + 1):
        made.add(seq, data_of(seq))
    return made


def test_each_stretch_has_the_sum_of_its_messages() -> None:
    """Every sequence is in exactly one stretch; the last stretch ends with the last message."""
    found = counted(150).stretches(150)
    assert [(each.first, each.last) for each in found] == [(1, 64), (65, 128), (129, 150)]
    assert all(each.sum == sum_of(each.first, each.last) for each in found)


def test_stretches_grow_with_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are never more than the maximum, and each keeps the sum of its messages."""
    monkeypatch.setattr(sums, "STRETCHES_MAX", 4)
    found = counted(1_000).stretches(1_000)
    assert [(each.first, each.last) for each in found] == [(1, 256), (257, 512), (513, 768), (769, 1000)]
    assert all(each.sum == sum_of(each.first, each.last) for each in found)


def test_sums_continue_from_where_they_were_taken() -> None:
    """Also in the middle of a stretch, as in a snapshot."""
    taken = counted(100).taken()
    assert counted(150, Sums(taken), first=101).stretches(150) == counted(150).stretches(150)


def test_sums_differ_for_another_message_another_order_and_a_missing_one() -> None:
    """The sequence is part of a message's number."""
    assert number_of(1, data_of(1)) != number_of(2, data_of(1))
    swapped = Sums()
    swapped.add(1, data_of(2))
    swapped.add(2, data_of(1))
    lacking = Sums()
    lacking.add(1, data_of(1))
    right = counted(2).stretches(2)
    assert swapped.stretches(2) != right
    assert lacking.stretches(2) != right


def test_sequences_without_a_message_belong_to_stretches() -> None:
    """The sum of such a stretch is zero."""
    made = Sums()
    made.add(200, data_of(200))
    assert [each.sum for each in made.stretches(200)] == [0, 0, 0, number_of(200, data_of(200))]
    assert [each.last for each in Sums().stretches(65)] == [64, 65]


def test_newest_first_returns_as_many_as_may_be_read() -> None:
    """At least one, however long it is."""
    stretches = [SummedStretch(first, first + 9, 0) for first in range(1, 100, 10)]
    assert [each.first for each in newest_first(stretches, 101, 25)] == [91, 81]
    assert [each.first for each in newest_first(stretches, 81, 25)] == [71, 61]
    assert [each.first for each in newest_first(stretches, 101, 1)] == [91]
    assert newest_first(stretches, 1, 25) == []


def test_the_sums_of_the_longest_stream_fit_into_a_manifest() -> None:
    """With everything else that it holds."""
    assert sums.STRETCHES_MAX * (2 * sums.DIGEST_BYTES + 3) < 30_000
