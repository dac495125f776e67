"""The rules of core/binding.py: who may move, and from which sequence on a first delivery is really the first."""

import pytest

from services.dispatcher.core.binding import Binding, after_unknown, fresh, is_fresh, mark_of, moved, taken_over


def test_a_fresh_payment_is_bound_to_the_home_and_may_move() -> None:
    """Nobody has sent it anywhere: it goes home first, and no entry is needed for that."""
    assert fresh("home") == Binding("home", revision=0, may_move=True, stamp_from_processor=False)


def test_a_moved_payment_may_move_again() -> None:
    """All its attempts ended NotBooked, wherever they went; the revision is that of the entry written."""
    assert moved(fresh("home"), "dear", 7) == Binding("dear", revision=7, may_move=True, stamp_from_processor=False)


def test_one_unknown_binds_a_payment_where_it_is() -> None:
    """It may have been booked there, with a stamp that only the processor knows."""
    bound = after_unknown(moved(fresh("home"), "dear", 7))
    assert bound == Binding("dear", revision=7, may_move=False, stamp_from_processor=True)


def test_a_payment_taken_over_never_moves() -> None:
    """Its past is not known, so that only the processor knows its stamp, too."""
    assert taken_over("dear", 9) == Binding("dear", revision=9, may_move=False, stamp_from_processor=True)


@pytest.mark.parametrize("bound", [taken_over("home", 3), after_unknown(fresh("home"))])
def test_moving_a_payment_with_an_unknown_past_is_a_bug(bound: Binding) -> None:
    """It raises, so that the payment goes unacked rather than to a second processor."""
    with pytest.raises(ValueError, match="never moves"):
        moved(bound, "dear", 4)


@pytest.mark.parametrize(
    ("num_delivered", "seq", "has_binding", "expected"),
    [
        (1, 101, False, True),
        (2, 101, False, False),  # it was in somebody's hands
        (1, 100, False, False),  # the server may have forgotten that it was
        (1, 99, False, False),
        (1, 101, True, False),  # the id was moved or taken over once
    ],
)
def test_fresh_is_a_first_delivery_beyond_the_mark_without_a_binding(
    *, num_delivered: int, seq: int, has_binding: bool, expected: bool
) -> None:
    """Each of the three conditions alone makes a payment suspect."""
    assert is_fresh(num_delivered=num_delivered, seq=seq, mark=100, has_binding=has_binding) is expected


@pytest.mark.parametrize(
    ("stream_last", "delivered", "settled_max", "seen_max", "expected"),
    [
        (1_000, 100, 0, 0, 150),  # the server's word, and what can have been in hand beyond it
        (1_000, 100, 172, 0, 222),  # it forgot deliveries: a settlement shows it
        (1_000, 100, 172, 300, 350),  # this process saw more than was settled
        (120, 100, 0, 0, 120),  # what was not stored was not delivered
        (0, 0, 0, 0, 0),
    ],
)
def test_the_mark_lies_beyond_everything_that_can_have_been_in_hand(
    stream_last: int, delivered: int, settled_max: int, seen_max: int, expected: int
) -> None:
    """The largest sequence known by any witness, plus max_ack_pending, but never beyond the stream's end."""
    mark = mark_of(
        stream_last=stream_last, delivered=delivered, settled_max=settled_max, seen_max=seen_max, max_ack_pending=50
    )
    assert mark == expected
