"""Reading a statement's rows strictly: an ambiguous amount is malformed, never guessed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from services.audit.core.statement import StatementRow
from services.contracts.instant import instant_from_text
from services.contracts.stamp import micros_of

CENTS_MAX = 10**12  # ten thousand million units; SQLite's integer holds the sum of a million such rows
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
_WHOLE = re.compile(r"\d{1,15}", re.ASCII)
_DATE_CHARACTERS = 10  # followed by a space, as banks write it, or T
_SHOWN_CHARACTERS_MAX = 60


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns by their names in the first line; ``in_cents``: amounts are whole cents."""

    payment_id: str = "correlationId"
    amount: str = "amount"
    at: str = "requestedAt"
    in_cents: bool = False
    delimiter: str = ","


@dataclass(frozen=True, slots=True)
class Layout:
    """The positions of the columns in a row."""

    payment_id: int
    amount: int
    at: int
    width: int
    in_cents: bool


def layout_of(columns: Columns, names: Sequence[str]) -> Layout:
    """Return the positions of the columns.

    Raises:
        ValueError: one is missing, or there twice; the sentence names those that are there.
    """
    stripped = [name.strip() for name in names]
    wanted = (columns.payment_id, columns.amount, columns.at)
    for name in wanted:
        if stripped.count(name) != 1:
            there = ", ".join(repr(_shown(each)) for each in stripped)
            how = "no column" if name not in stripped else "more than one column"
            raise ValueError(f"the first line has {how} {name!r}; it has {there}")
    payment_id, amount, at = map(stripped.index, wanted)
    return Layout(payment_id, amount, at, len(names), columns.in_cents)


def row_of(line: int, cells: Sequence[str], layout: Layout) -> StatementRow:
    """Return the row that begins on this line."""
    if len(cells) != layout.width:
        return StatementRow(line, wrong=f"{len(cells)} fields, where the first line has {layout.width}")
    payment_id = cells[layout.payment_id].strip().lower()
    if not _ID.fullmatch(payment_id):
        return StatementRow(line, wrong=f"{_shown(payment_id)!r} is not an id as 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3")
    try:
        cents = _cents(cells[layout.amount].strip(), in_cents=layout.in_cents)
        at_us = _micros(cells[layout.at].strip())
    except ValueError as error:
        return StatementRow(line, payment_id, wrong=str(error))
    return StatementRow(line, payment_id, cents, at_us)


def _cents(text: str, *, in_cents: bool) -> int:
    try:
        if in_cents and not _WHOLE.fullmatch(text):
            raise ValueError(f"{_shown(text)!r} is not an amount in whole cents, as 1990")
        if not _DECIMAL.fullmatch(text):
            raise ValueError(f"{_shown(text)!r} is not an amount, as 19.90")
        cents = Decimal(text) if in_cents else Decimal(text) * 100
    except InvalidOperation as error:
        raise ValueError(f"{_shown(text)!r} is not an amount") from error
    if cents != int(cents):
        raise ValueError(f"{_shown(text)!r} has fractions of a cent")
    if not 0 < cents <= CENTS_MAX:
        raise ValueError(f"{_shown(text)!r} is not above 0 and at most {CENTS_MAX // 100}")
    return int(cents)


def _micros(text: str) -> int:
    try:
        joined = text.replace(" ", "T", 1) if text[_DATE_CHARACTERS : _DATE_CHARACTERS + 1] == " " else text
        return micros_of(instant_from_text(joined, round_up=False))
    except ValueError:
        raise ValueError(f"{_shown(text)!r} is not a stamp as 2026-11-22T12:00:00.123Z") from None


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS_MAX else f"{text[:_SHOWN_CHARACTERS_MAX]}..."
