"""Rules 3, 4 and 9 of the settlement protocol: what a line changes for a payment."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.contracts.assignments import AssignmentReleased, Kind, Line
from services.dispatcher.core.ownership import (
    NOBODY,
    View,
    after_release,
    is_first_hand,
    is_owned,
    may_move,
    next_view,
)

PAYMENT = "0198c0de-0000-7000-8000-000000000001"
A, B = "default/1", "fallback/1"
ME, OTHER = "d1/1f", "d2/2e"
NONE_CLOSED: frozenset[str] = frozenset()

FIRST = View(5, ME, A, ME)
INHERITED = View(5, ME, A, NOBODY)
FREE = View(5, NOBODY, A, NOBODY, "free")
REFUSED = View(5, ME, A, ME, "refused", detail="400")
EVERY_VIEW = pytest.mark.parametrize("view", [FIRST, INHERITED, FREE, REFUSED])


def line(generation: str = A, after: int = 5, kind: Kind = "send", detail: str = "") -> Line:
    """Return a line of the payment."""
    return Line(PAYMENT, 1, generation, after, kind, detail)


def then(
    view: View | None, following: Line, owner: str = ME, closed: frozenset[str] = NONE_CLOSED, at: int = 9
) -> View | None:
    """Return the view after a line at sequence 9."""
    return next_view(view, following, at, owner, closed)


def release(after: int = 5, to: str = "fallback") -> AssignmentReleased:
    """Return an operator's release."""
    return AssignmentReleased(PAYMENT, 1, after, to, "it is lost", datetime(2026, 1, 1, tzinfo=UTC))


def test_first_line_is_its_authors_and_first_hand() -> None:
    """Nothing was valid before it."""
    assert then(None, line(after=0)) == View(9, ME, A, ME)


def test_line_after_a_returned_one_is_a_first() -> None:
    """Its author has the payment first-hand, at any processor."""
    assert then(FREE, line(B), OTHER) == View(9, OTHER, B, OTHER)


def test_line_after_a_released_one_is_a_first() -> None:
    """A released payment belongs to the process that takes it next."""
    free = after_release(INHERITED, release(), 7)
    assert then(free, line(B, after=7), OTHER) == View(9, OTHER, B, OTHER)


@EVERY_VIEW
@pytest.mark.parametrize("after", [0, 4, 6])
@pytest.mark.parametrize("kind", ["send", "returned", "refused"])
@pytest.mark.parametrize("owner", [ME, OTHER])
def test_line_that_does_not_follow_the_last_valid_one_is_void(view: View, after: int, kind: Kind, owner: str) -> None:
    """Whatever its author and kind."""
    assert then(view, line(after=after, kind=kind), owner) is None


@pytest.mark.parametrize("generation", [A, B])
def test_same_line_stored_twice_counts_once(generation: str) -> None:
    """The second copy follows what the first one followed."""
    once = then(FIRST, line(generation))
    assert once is not None
    assert then(once, line(generation), at=10) is None


def test_take_over_by_another_is_inherited_by_it() -> None:
    """The same processor, from any process."""
    assert then(FIRST, line(), OTHER) == View(9, OTHER, A, NOBODY)


def test_take_over_by_the_owner_itself_is_inherited_too() -> None:
    """It no longer had the payment in hand: what it knew of attempts is lost."""
    assert then(FIRST, line()) == View(9, ME, A, NOBODY)


def test_inherited_is_inherited_for_ever() -> None:
    """Passed between two processes, it is never first-hand again."""
    view: View | None = FIRST
    for at, owner in enumerate((OTHER, ME, ME, OTHER, ME), start=6):
        view = next_view(view, line(after=at - 1), at, owner, NONE_CLOSED)
        assert view == View(at, owner, A, NOBODY)
        assert not is_first_hand(view, owner)


def test_move_is_the_owners_and_stays_first_hand() -> None:
    """Every line since the first is its own, and none is a take-over."""
    assert then(FIRST, line(B)) == View(9, ME, B, ME)


def test_move_by_another_is_void() -> None:
    """Only the owner knows how its attempts ended."""
    assert then(FIRST, line(B), OTHER) is None


@pytest.mark.parametrize("owner", [ME, OTHER])
def test_inherited_payment_never_moves(owner: str) -> None:
    """No process may send it elsewhere, not even its owner."""
    assert then(INHERITED, line(B), owner) is None


def test_another_generation_of_the_same_processor_is_another_processor() -> None:
    """Only a move goes there, never a take-over."""
    assert then(FIRST, line("default/2")) == View(9, ME, "default/2", ME)
    assert then(FIRST, line("default/2"), OTHER) is None


def test_returned_payment_belongs_to_nobody() -> None:
    """The line is the owner's, and first-hand."""
    assert then(FIRST, line(kind="returned")) == View(9, NOBODY, A, NOBODY, "free")


@pytest.mark.parametrize("kind", ["returned", "refused"])
@pytest.mark.parametrize(
    ("view", "owner"), [(None, ME), (FIRST, OTHER), (INHERITED, ME), (INHERITED, OTHER), (FREE, ME), (REFUSED, ME)]
)
def test_only_a_first_hand_payment_is_returned_or_refused(view: View | None, owner: str, kind: Kind) -> None:
    """By its owner, under the conditions of a move."""
    assert then(view, line(after=5 if view else 0, kind=kind), owner) is None


def test_refused_line_keeps_owner_and_reason() -> None:
    """It is a line in the log before it is a settlement."""
    assert then(FIRST, line(kind="refused", detail="400")) == replace(FIRST, last=9, state="refused", detail="400")


def test_refusal_by_a_processor_where_it_was_not_sent_is_void() -> None:
    """It can be refused only where it was sent."""
    assert then(FIRST, line(B, kind="refused")) is None


@pytest.mark.parametrize("generation", [A, B])
@pytest.mark.parametrize("owner", [ME, OTHER])
def test_refused_payment_is_sent_nowhere(generation: str, owner: str) -> None:
    """Its refusal must be recorded, and nothing else."""
    assert then(REFUSED, line(generation), owner) is None
    assert not is_owned(REFUSED, owner, 5)


@pytest.mark.parametrize(("view", "owner"), [(None, ME), (FREE, ME), (FIRST, ME)])
def test_closed_generation_takes_no_new_payment(view: View | None, owner: str) -> None:
    """Neither as a first line nor by a move."""
    assert then(view, line(B, after=5 if view else 0), owner, frozenset({B})) is None


def test_closed_generation_keeps_what_it_has() -> None:
    """A take-over there is still valid: it may have been booked there."""
    assert then(FIRST, line(), OTHER, frozenset({A})) == View(9, OTHER, A, NOBODY)


@pytest.mark.parametrize("closed", [NONE_CLOSED, frozenset({A})])
def test_line_whose_predecessor_was_never_read_counts_as_a_take_over(closed: frozenset[str]) -> None:
    """It was deleted, so the payment is settled: the take-over allows the least."""
    assert then(None, line(after=3), closed=closed) == View(9, ME, A, NOBODY)


@pytest.mark.parametrize("kind", ["returned", "refused"])
def test_only_a_send_may_follow_what_was_never_read(kind: Kind) -> None:
    """An inherited payment is neither returned nor refused."""
    assert then(None, line(after=3, kind=kind)) is None


@EVERY_VIEW
def test_released_payment_belongs_to_nobody(view: View) -> None:
    """Whatever it was before; it is for the processor that the operator named."""
    assert after_release(view, release(), 9) == View(9, NOBODY, A, NOBODY, "free", released_to="fallback")


@EVERY_VIEW
@pytest.mark.parametrize("after", [0, 4, 6])
def test_release_must_follow_what_the_operator_saw(view: View, after: int) -> None:
    """Otherwise it would release what another process took meanwhile."""
    assert after_release(view, release(after), 9) is None


def test_nothing_is_released_where_nothing_was_assigned() -> None:
    """There is no line that it could follow."""
    assert after_release(None, release(0), 9) is None


@pytest.mark.parametrize("generation", [A, B])
def test_next_line_must_follow_the_release(generation: str) -> None:
    """What was published before it and is stored after it is void."""
    assert then(after_release(FIRST, release(), 7), line(generation)) is None


def test_release_ends_ownership() -> None:
    """Before a retry the owner finds that it no longer owns the payment."""
    assert is_owned(FIRST, ME, 5)
    assert not is_owned(after_release(FIRST, release(), 9), ME, 5)


@pytest.mark.parametrize(
    ("view", "owner", "at"), [(None, ME, 5), (FREE, ME, 5), (FREE, NOBODY, 5), (FIRST, OTHER, 5), (FIRST, ME, 4)]
)
def test_only_the_author_of_the_last_valid_line_owns(view: View | None, owner: str, at: int) -> None:
    """Its older lines do not count."""
    assert not is_owned(view, owner, at)
    assert not may_move(view, owner, at, in_doubt=False)


def test_first_hand_payment_moves_unless_it_is_in_doubt() -> None:
    """Never after one Unknown, and never if inherited."""
    assert may_move(FIRST, ME, 5, in_doubt=False)
    assert not may_move(FIRST, ME, 5, in_doubt=True)
    assert not may_move(INHERITED, ME, 5, in_doubt=False)
    assert is_owned(INHERITED, ME, 5)
