"""A statement's rows: read strictly; an unreadable one says why and where."""

import pytest

from services.audit.core.statement import StatementRow
from services.audit.core.statement_rows import Columns, Layout, layout_of, row_of
from services.contracts.stamp import micros_of
from tests.unit.audit.paid import AT, ID

DECIMAL = Layout(0, 1, 2, width=3, in_cents=False)
CENTS = Layout(0, 1, 2, width=3, in_cents=True)
STAMP = "2026-11-22T12:00:00.123Z"


def test_columns_are_found_by_name() -> None:
    """In any order, among others, with spaces around."""
    layout = layout_of(Columns("ref", "sum", "time", in_cents=True), ["time", " sum", "fee", "ref "])
    assert layout == Layout(3, 1, 0, width=4, in_cents=True)


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (["correlationId", "amount"], "no column 'requestedAt'; it has 'correlationId', 'amount'"),
        (["correlationId", "amount", "amount", "requestedAt"], "more than one column 'amount'"),
    ],
)
def test_a_column_must_be_there_exactly_once(names: list[str], part: str) -> None:
    """With the columns that are there, so that the option for it is easily found."""
    with pytest.raises(ValueError, match=part):
        layout_of(Columns(), names)


@pytest.mark.parametrize(
    ("amount", "stamp", "layout"),
    [
        ("19.90", STAMP, DECIMAL),
        ("19.9", "2026-11-22 12:00:00.123", DECIMAL),
        (" 19.9000 ", "2026-11-22T13:00:00.123+01:00", DECIMAL),
        ("1990", STAMP, CENTS),
    ],
)
def test_a_row_is_read(amount: str, stamp: str, layout: Layout) -> None:
    """Exact cents in either notation; no zone is UTC."""
    assert row_of(7, [ID.upper(), amount, stamp], layout) == StatementRow(7, ID, 1990, micros_of(AT))


@pytest.mark.parametrize(
    ("amount", "layout"),
    [
        *((text, DECIMAL) for text in ("", "19,90", "-19.90", "1e3", "19.905", "0", "0.00", "NaN", "1_0", "9" * 20)),
        *((text, CENTS) for text in ("19.90", "0", "")),
    ],
)  # fmt: skip
def test_an_ambiguous_amount_is_malformed(amount: str, layout: Layout) -> None:
    """Its payment is still known, and so does not count as missing."""
    row = row_of(7, [ID, amount, STAMP], layout)
    assert (row.payment_id, row.amount_cents, row.at_us) == (ID, None, None)
    assert row.wrong
    assert repr(amount) in row.wrong


@pytest.mark.parametrize("stamp", ["", "22.11.2026", "2026-13-01", "2026-11-22T25:00Z", "1795348800"])
def test_a_stamp_that_is_not_iso_8601_is_malformed(stamp: str) -> None:
    """Which part is the month is not guessed."""
    assert "is not a stamp" in (row_of(7, [ID, "1", stamp], DECIMAL).wrong or "")


@pytest.mark.parametrize("cells", [["x", "1", STAMP], [f"{{{ID}}}", "1", STAMP], [ID, "1"], [ID, "1", STAMP, ""]])
def test_a_row_without_an_id_or_of_another_width_belongs_to_no_payment(cells: list[str]) -> None:
    """Fields may have shifted: none of them is used."""
    row = row_of(7, cells, DECIMAL)
    assert row.payment_id is None
    assert row.wrong
