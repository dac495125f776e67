"""The comparison with a statement, one payment at a time: each fault has one name."""

import pytest

from services.audit.core.statement import Entry, Fault, Row, compared
from services.contracts.stamp import micros_of
from tests.unit.audit.paid import AT, ID

AT_US = micros_of(AT)
ROW = Row(2, ID, 1990, AT_US)
HERE = Entry("settled", "default", 1990, AT_US, is_here=True)
ELSEWHERE = Entry("settled", "fallback", 1990, AT_US, is_here=False)
REFUSED = Entry("refused", "default", 1990, None, is_here=True)
WAITING = Entry("accepted", "", 1990, None, is_here=False)


def kinds(rows: list[Row], entries: list[Entry], tolerance_us: int = 0) -> list[Fault]:
    """Return the kinds of findings."""
    return [finding.kind for finding in compared(ID, rows, entries, tolerance_us)]


@pytest.mark.parametrize(
    ("rows", "entries", "found"),
    [
        ([ROW], [HERE], []),
        ([ROW], [HERE, WAITING], []),
        ([ROW], [], [Fault.UNKNOWN_TO_US]),
        ([ROW], [ELSEWHERE], [Fault.SETTLED_ELSEWHERE]),
        ([ROW], [ELSEWHERE, WAITING], [Fault.SETTLED_ELSEWHERE]),
        ([ROW], [REFUSED], [Fault.REFUSED_BUT_CHARGED]),
        ([ROW], [WAITING], [Fault.WAITING_BUT_CHARGED]),
        ([ROW], [REFUSED, WAITING], [Fault.WAITING_BUT_CHARGED]),
        ([], [HERE], [Fault.MISSING_THERE]),
        ([Row(2, ID, wrong="?")], [HERE], []),
        ([Row(2, ID, 1991, AT_US)], [HERE], [Fault.AMOUNT_DIFFERS]),
        ([Row(2, ID, 1990, AT_US + 1)], [HERE], [Fault.REQUESTED_AT_DIFFERS]),
        ([Row(2, ID, 1991, AT_US + 1)], [HERE], [Fault.AMOUNT_DIFFERS, Fault.REQUESTED_AT_DIFFERS]),
        ([ROW], [HERE, Entry("settled", "default", 1, AT_US, is_here=True)], [Fault.CONTRADICTING_SETTLEMENTS]),
        ([ROW, Row(9, ID, 5, 0), Row(11, ID, 1990, AT_US)], [HERE], [Fault.DUPLICATE, Fault.DUPLICATE]),
        ([Row(2, ID, wrong="?"), Row(3, ID, 1990, AT_US)], [HERE], []),
    ],
)
def test_each_fault_has_one_name(rows: list[Row], entries: list[Entry], found: list[Fault]) -> None:
    """Rows and entries of one payment, and the findings."""
    assert kinds(rows, entries) == found


@pytest.mark.parametrize(("apart_us", "is_found"), [(5_000, False), (-5_000, False), (5_001, True), (-5_001, True)])
def test_stamps_within_the_tolerance_are_equal(apart_us: int, is_found: bool) -> None:  # noqa: FBT001  # a table
    """Both ends inclusive."""
    row = Row(2, ID, 1990, AT_US + apart_us)
    assert kinds([row], [HERE], 5_000) == ([Fault.REQUESTED_AT_DIFFERS] if is_found else [])


def test_a_duplicate_names_the_first_line_too() -> None:
    """Only the processor can say which of them counts."""
    (finding,) = compared(ID, [ROW, Row(9, ID, 1990, AT_US)], [HERE], 0)
    assert [row.line for row in finding.rows] == [2, 9]
