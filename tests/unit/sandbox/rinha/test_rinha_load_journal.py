"""Reading the load generator's journal."""

from dataclasses import replace

import pytest

from sandbox.rinha.load_journal import Comparison, LoadJournal, PostedPayment
from sandbox.rinha.profile import Differences
from services.contracts.summary import Totals

ID = "6dca6f2a-60b0-44ad-b24a-748f91f7477e"


def comparison(said: tuple[int, int], booked: tuple[int, int]) -> Comparison:
    """Compare counts of (default, fallback), each payment worth 10 cents."""
    names = ("default", "fallback")
    return Comparison(
        at_ms=0,
        said={name: Totals(count, count * 10) for name, count in zip(names, said, strict=True)},
        booked={name: Totals(count, count * 10) for name, count in zip(names, booked, strict=True)},
        fees={"default": 0.05, "fallback": 0.15},
    )


def payment_line(status: int) -> bytes:
    """Write the line of one payment as the script does."""
    return f'{{"kind":"payment","id":"{ID}","at_ms":1000,"status":{status},"took_ms":1.5}}'.encode()


@pytest.mark.parametrize(
    ("said", "outside"),
    [((5, 2), 0), ((6, 2), 0), ((7, 3), 0), ((4, 2), 1), ((8, 2), 1), ((4, 4), 2)],
)
def test_a_count_between_before_and_after_is_right(said: tuple[int, int], outside: int) -> None:
    """Only a count below the processors' answers just before, or above those just after, is outside."""
    before, after = (comparison(booked, booked).booked for booked in ((5, 2), (7, 3)))
    bracketed = replace(comparison(said, (6, 2)), before=before, after=after)
    assert bracketed.outside == outside


def test_without_before_and_after_nothing_is_outside() -> None:
    """The challenge's own checks ask only once, so there are no bounds."""
    assert comparison((5, 2), (9, 9)).outside == 0


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_the_challenges_four_answers_are_accepted(status: int) -> None:
    """200, 201, 202 and 204 count as a success."""
    journal = LoadJournal()
    journal.add([payment_line(status)])
    assert journal.accepted == 1
    assert journal.posts == [PostedPayment(ID, 1000, status, 1.5)]


@pytest.mark.parametrize("status", [0, 203, 400, 409, 500, 503])
def test_every_other_answer_is_a_failure(status: int) -> None:
    """Any other status means not accepted; only no answer at all leaves doubt."""
    journal = LoadJournal()
    journal.add([payment_line(status)])
    assert journal.accepted == 0
    assert journal.posts[0].is_in_doubt == (status == 0)


def test_all_other_lines_are_read() -> None:
    """Start, stages, checks, totals and the calls' statistics are kept."""
    totals = b'{"default":{"count":2,"cents":20},"fallback":{"count":1,"cents":10}}'
    summaries = b'"at_ms":5,"said":%b,"booked":%b,"fees":{"default":0.05,"fallback":null}' % (totals, totals)
    journal = LoadJournal()
    journal.add(
        [
            b'{"kind":"start","at_ms":7}',
            b'{"kind":"stage","at_ms":8,"second":1,"refused":2}',
            b'{"kind":"check",%b}' % summaries,
            b'{"kind":"totals",%b}' % summaries,
            b'{"kind":"calls","count":9,"p50_ms":0.5,"p99_ms":2}',
        ]
    )
    assert (journal.start_ms, journal.stages_refused, len(journal.checks)) == (7, 2, 1)
    assert journal.totals is not None
    assert journal.totals.said["default"] == Totals(2, 20)
    assert journal.calls is not None
    assert journal.calls.p99_ms == 2


def test_a_line_of_an_unknown_kind_is_an_error() -> None:
    """A script and a reader that disagree must be noticed."""
    with pytest.raises(ValueError, match="surprise"):
        LoadJournal().add([b'{"kind":"surprise"}'])


def test_a_payment_counted_at_the_wrong_processor_is_a_difference_unless_sums_cancel_out() -> None:
    """In the preview's sum +1 and -1 cancel out; in the final's sum and in the money they do not."""
    swapped = comparison(said=(5, 3), booked=(4, 4))
    assert swapped.differences(Differences.ABS_OF_SUM) == 0
    assert swapped.differences(Differences.SUM_OF_ABS) == 2
    assert swapped.difference_cents == 20


def test_a_missing_payment_is_a_difference_by_either_rule() -> None:
    """A payment that one side lacks is one difference, worth its amount."""
    missing = comparison(said=(4, 3), booked=(5, 3))
    assert [missing.differences(how) for how in Differences] == [1, 1]
    assert missing.difference_cents == 10


def test_differences_of_all_checks_add_up() -> None:
    """Each check counts again, as in the challenge."""
    journal = LoadJournal(checks=[comparison((4, 3), (5, 3)), comparison((5, 3), (5, 3)), comparison((7, 3), (5, 3))])
    assert journal.differences(Differences.SUM_OF_ABS) == 3
