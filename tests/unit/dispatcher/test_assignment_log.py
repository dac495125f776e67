"""Rules 3, 7 and 9 of the settlement protocol over a whole log: who owns what, and which messages may be deleted."""

from datetime import UTC, datetime

from services.contracts.assignments import (
    Assignment,
    AssignmentReleased,
    GenerationClosed,
    Kind,
    Line,
    TurnAssigned,
)
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.ownership import NOBODY, View

A, B = "default/1", "fallback/1"
ME, OTHER = "d1/1f", "d2/2e"
ONE, TWO, THREE = (f"0198c0de-0000-7000-8000-00000000000{n}" for n in (1, 2, 3))


def line(payment_id: str, after: int = 0, generation: str = A, kind: Kind = "send") -> Line:
    """Return one line of a turn."""
    return Line(payment_id, 1, generation, after, kind)


def turn(*lines: Line, owner: str = ME) -> TurnAssigned:
    """Return what a process assigns in a turn."""
    return TurnAssigned(owner, 1, lines)


def release(payment_id: str, after: int) -> AssignmentReleased:
    """Return an operator's release to the fallback."""
    return AssignmentReleased(payment_id, 1, after, "fallback", "it is lost", datetime(2026, 1, 1, tzinfo=UTC))


def read(*messages: Assignment) -> AssignmentLog:
    """Return a log that has read the messages at sequences from 1 on."""
    log = AssignmentLog()
    for at, message in enumerate(messages, start=1):
        log.read(message, at)
    return log


def test_empty_log_knows_nothing() -> None:
    """The first line of a payment follows 0."""
    log = AssignmentLog()
    assert (len(log), log.read_to, log.view(ONE), log.after(ONE), log.known(ONE)) == (0, 0, None, 0, False)


def test_each_line_of_a_turn_is_judged_by_itself() -> None:
    """A void line makes nothing else of its message void."""
    log = read(turn(line(ONE)))
    assert log.read(turn(line(ONE), line(TWO), owner=OTHER), 2) == (False, True)
    assert log.view(ONE) == View(1, ME, A, ME)
    assert log.view(TWO) == View(2, OTHER, A, OTHER)


def test_next_line_follows_the_last_valid_one() -> None:
    """Void lines are not followed."""
    log = read(turn(line(ONE)), turn(line(ONE), owner=OTHER))
    assert log.after(ONE) == 1
    assert log.read(turn(line(ONE, after=1), owner=OTHER), 3) == (True,)
    assert log.after(ONE) == 3


def test_message_stored_twice_changes_nothing() -> None:
    """Its second copy is void, line by line, also after a move."""
    move = turn(line(ONE, after=1, generation=B))
    log = read(turn(line(ONE), line(TWO)), move)
    before = list(log.views())
    assert log.read(turn(line(ONE), line(TWO)), 3) == (False, False)
    assert log.read(move, 4) == (False,)
    assert list(log.views()) == before


def test_two_readers_of_one_log_agree() -> None:
    """Readers of the same messages have the same views."""
    messages = (
        turn(line(ONE), line(TWO)),
        turn(line(ONE, after=1), owner=OTHER),
        turn(line(ONE, after=1, generation=B)),
        turn(line(TWO, after=1, generation=B)),
        release(ONE, 2),
        GenerationClosed(A),
        turn(line(ONE, after=5, generation=A), owner=OTHER),
        turn(line(ONE, after=5, generation=B)),
    )
    assert dict(read(*messages).views()) == {ONE: View(8, ME, B, ME), TWO: View(4, ME, B, ME)}
    assert dict(read(*messages).views()) == dict(read(*messages).views())


def test_line_whose_predecessor_a_new_reader_has_not_read_is_a_take_over() -> None:
    """The line before it was deleted, which happens only once the payment is settled."""
    log = AssignmentLog()
    assert log.read(turn(line(ONE, after=3)), 7) == (True,)
    assert log.view(ONE) == View(7, ME, A, NOBODY)


def test_message_without_lines_names_no_payment() -> None:
    """It only shows how far the log was read."""
    log = AssignmentLog()
    assert log.read(turn(), 4) == ()
    assert (log.read_to, len(log)) == (4, 0)


def test_closed_generation_takes_nothing_from_there_on() -> None:
    """What was assigned there before stays, and can be taken over."""
    log = read(turn(line(ONE)), GenerationClosed(A))
    assert log.closed == {A}
    assert log.read(turn(line(TWO), line(ONE, after=1), owner=OTHER), 3) == (False, True)


def test_release_is_followed_by_the_next_line() -> None:
    """The payment belongs to nobody in between, and a line that does not follow the release is void."""
    log = read(turn(line(ONE)))
    assert log.read(release(ONE, 1), 2) == (True,)
    assert log.view(ONE) == View(2, NOBODY, A, NOBODY, "free", released_to="fallback")
    assert log.read(turn(line(ONE, after=1)), 3) == (False,)
    assert log.read(turn(line(ONE, after=2, generation=B), owner=OTHER), 4) == (True,)


def test_release_of_what_was_taken_meanwhile_is_void() -> None:
    """The operator decided by an older view."""
    log = read(turn(line(ONE)), turn(line(ONE, after=1), owner=OTHER))
    assert log.read(release(ONE, 1), 3) == (False,)
    assert log.view(ONE) == View(2, OTHER, A, NOBODY)


def test_message_may_be_deleted_when_all_its_payments_are_settled() -> None:
    """Not before, and each message once."""
    log = read(turn(line(ONE), line(TWO)), turn(line(THREE)))
    assert log.settled(ONE) == []
    assert log.settled(TWO) == [1]
    assert log.settled(TWO) == []
    assert log.settled(THREE) == [2]


def test_void_old_or_superseded_message_stays_until_its_payment_is_settled() -> None:
    """The release too: a dispatcher that has not read it yet must read it."""
    log = read(
        turn(line(ONE)),
        turn(line(ONE), owner=OTHER),
        turn(line(ONE, after=1, generation=B)),
        release(ONE, 3),
        turn(line(TWO)),
    )
    assert log.settled(TWO) == [5]
    assert log.settled(ONE) == [1, 2, 3, 4]


def test_what_is_settled_takes_no_memory() -> None:
    """The log is as long as what is in hand or in doubt, not as all that ever was."""
    log = read(turn(line(ONE), line(TWO)))
    log.settled(ONE)
    assert (len(log), log.known(ONE), log.view(ONE), log.ids()) == (1, False, None, [TWO])
    log.settled(TWO)
    assert (len(log), log._messages, log._by_id, log._views) == (0, {}, {}, {})


def test_message_with_one_payment_twice_is_deleted_once() -> None:
    """Two sequences of one id are one payment."""
    log = AssignmentLog()
    assert log.read(turn(line(ONE), line(ONE)), 1) == (True, False)
    assert log.settled(ONE) == [1]


def test_void_line_makes_a_payment_known_without_a_view() -> None:
    """So it is looked up later, and its message deleted."""
    log = read(turn(line(ONE, kind="returned")))
    assert (log.known(ONE), log.view(ONE), log.ids()) == (True, None, [ONE])
    assert log.settled(ONE) == [1]


def test_line_that_comes_after_its_payment_was_settled_is_kept_to_be_looked_up() -> None:
    """A late copy makes the payment known again; only a fresh look-up drops it."""
    log = read(turn(line(ONE)))
    log.settled(ONE)
    log.read(turn(line(ONE)), 2)
    assert log.ids() == [ONE]
    assert log.settled(ONE) == [2]


def test_what_is_assigned_to_a_generation_that_no_longer_charges_is_counted() -> None:
    """Not what was returned or released, for that is nobody's; nor what must only be recorded."""
    log = read(turn(line(ONE), line(TWO), line(THREE, generation=B)))
    assert log.left_behind({A, B}) == {}
    assert log.left_behind({B}) == {A: 2}
    log.read(turn(line(TWO, after=1, kind="returned")), 2)
    assert log.left_behind({B}) == {A: 1}
    log.read(release(ONE, after=1), 3)
    assert log.left_behind({B}) == {}
    assert log.left_behind(set()) == {B: 1}


def test_deletion_stops_before_the_first_message_that_may_be_needed() -> None:
    """One that names a payment which is not settled, or one without lines that its author may still wait for."""
    log = AssignmentLog()
    assert log.done_before() == 1
    log.read(turn(line(ONE)), 1)
    log.read(turn(line(TWO)), 2)
    log.read(turn(), 3)
    assert log.done_before() == 1
    log.settled(ONE)
    assert log.done_before() == 2
    log.settled(TWO)
    assert log.done_before() == 3
    del log.without_lines[3]
    assert log.done_before() == 4
