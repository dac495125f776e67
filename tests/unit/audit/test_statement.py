"""The comparison with a statement, one payment at a time: each fault has one name."""

import pytest

from services.audit.core.statement import OurRecord, StatementFault, StatementRow, compared
from services.contracts.stamp import micros_of
from tests.unit.audit.paid import AT, ID

AT_US = micros_of(AT)
ROW = StatementRow(2, ID, 1990, AT_US)
HERE = OurRecord("settled", "default", 1990, AT_US, is_here=True)
ELSEWHERE = OurRecord("settled", "fallback", 1990, AT_US, is_here=False)
REFUSED = OurRecord("refused", "default", 1990, None, is_here=True)
WAITING = OurRecord("accepted", "", 1990, None, is_here=False)


def kinds(rows: list[StatementRow], entries: list[OurRecord], tolerance_us: int = 0) -> list[StatementFault]:
    """Return the kinds of findings."""
    return [finding.kind for finding in compared(ID, rows, entries, tolerance_us)]


@pytest.mark.parametrize(
    ("rows", "entries", "found"),
    [
        ([ROW], [HERE], []),
        ([ROW], [HERE, WAITING], []),
        ([ROW], [], [StatementFault.UNKNOWN_TO_US]),
        ([ROW], [ELSEWHERE], [StatementFault.SETTLED_ELSEWHERE]),
        ([ROW], [ELSEWHERE, WAITING], [StatementFault.SETTLED_ELSEWHERE]),
        ([ROW], [REFUSED], [StatementFault.REFUSED_BUT_CHARGED]),
        ([ROW], [WAITING], [StatementFault.WAITING_BUT_CHARGED]),
        ([ROW], [REFUSED, WAITING], [StatementFault.WAITING_BUT_CHARGED]),
        ([], [HERE], [StatementFault.MISSING_THERE]),
        ([StatementRow(2, ID, wrong="?")], [HERE], []),
        ([StatementRow(2, ID, 1991, AT_US)], [HERE], [StatementFault.AMOUNT_DIFFERS]),
        ([StatementRow(2, ID, 1990, AT_US + 1)], [HERE], [StatementFault.REQUESTED_AT_DIFFERS]),
        (
            [StatementRow(2, ID, 1991, AT_US + 1)],
            [HERE],
            [StatementFault.AMOUNT_DIFFERS, StatementFault.REQUESTED_AT_DIFFERS],
        ),
        (
            [ROW],
            [HERE, OurRecord("settled", "default", 1, AT_US, is_here=True)],
            [StatementFault.CONTRADICTING_SETTLEMENTS],
        ),
        (
            [ROW, StatementRow(9, ID, 5, 0), StatementRow(11, ID, 1990, AT_US)],
            [HERE],
            [StatementFault.DUPLICATE, StatementFault.DUPLICATE],
        ),
        ([StatementRow(2, ID, wrong="?"), StatementRow(3, ID, 1990, AT_US)], [HERE], []),
    ],
)
def test_each_fault_has_one_name(
    rows: list[StatementRow], entries: list[OurRecord], found: list[StatementFault]
) -> None:
    """Rows and entries of one payment, and the findings."""
    assert kinds(rows, entries) == found


@pytest.mark.parametrize(("apart_us", "is_found"), [(5_000, False), (-5_000, False), (5_001, True), (-5_001, True)])
def test_stamps_within_the_tolerance_are_equal(apart_us: int, is_found: bool) -> None:  # noqa: FBT001  # a table
    """Both ends inclusive."""
    row = StatementRow(2, ID, 1990, AT_US + apart_us)
    assert kinds([row], [HERE], 5_000) == ([StatementFault.REQUESTED_AT_DIFFERS] if is_found else [])


def test_a_duplicate_names_the_first_line_too() -> None:
    """Only the processor can say which of them counts."""
    (finding,) = compared(ID, [ROW, StatementRow(9, ID, 1990, AT_US)], [HERE], 0)
    assert [row.line for row in finding.rows] == [2, 9]
