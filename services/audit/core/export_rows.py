"""One settlement as a row of an export: CSV or JSON, amounts in whole cents, times in UTC; the names say so. Pure."""

import csv
from typing import Final

from msgspec import json

from services.contracts.events import SHOWN_OF_SETTLED, PaymentSettled
from services.contracts.shown import ShownField, Value


class _Line:
    """What `csv` writes to: passes on each line that it writes."""

    def write(self, line: str) -> str:
        """Return the line, which ``writerow`` returns in turn."""
        return line


def _column(field: ShownField) -> str:
    return f"{field.name}Utc" if field.is_instant else field.name


_PROCESSOR, *_MORE = SHOWN_OF_SETTLED.fields
# By their order in a row: what each column holds.
COLUMNS: Final = {
    "correlationId": "The payment's id.",
    _column(_PROCESSOR): _PROCESSOR.description,
    "amountCents": "What was charged, in whole cents.",
    **{_column(field): field.description for field in _MORE},
    "counted": "Whether the book counts it.",
}
_line = csv.writer(_Line(), lineterminator="\n")
_encoder = json.Encoder()
CSV_HEADER: Final[str] = _line.writerow(COLUMNS)


def csv_row(event: PaymentSettled, *, is_counted: bool) -> str:
    """Return a line; what is not known is empty."""
    line: str = _line.writerow((*_values(event), "yes" if is_counted else "no"))
    return line


def json_row(event: PaymentSettled, *, is_counted: bool) -> str:
    """Return a line; what is not known is null."""
    return _encoder.encode(dict(zip(COLUMNS, (*_values(event), is_counted), strict=True))).decode() + "\n"


def _values(event: PaymentSettled) -> tuple[Value, ...]:
    processor, *more = SHOWN_OF_SETTLED.values(event).values()
    return (event.id, processor, event.amount_cents, *more)
