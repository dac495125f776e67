"""A point in time is read in the same way by HTTP, the command line and the audit."""

from datetime import UTC, datetime

import pytest

from services.audit.audit_settings import audit_settings
from services.contracts.instant import instant_from_text
from services.contracts.period import Period
from services.ingress.core.period import read_period
from tarifa.commands.periods import period_from_texts

NOW = datetime(2026, 11, 26, tzinfo=UTC)

SAME = {
    "2026-11-22": datetime(2026, 11, 22, tzinfo=UTC),
    "20261122T1200": datetime(2026, 11, 22, 12, tzinfo=UTC),
    "2026-11-22t12:00:00z": datetime(2026, 11, 22, 12, tzinfo=UTC),
    "2026-11-22T12:00:00,5+02:00": datetime(2026, 11, 22, 10, 0, 0, 500_000, tzinfo=UTC),
}
NONE = [
    "2026-W47-7",
    "2026-11-22_12:00",
    "2026-13-01",
    "0001-01-01T00:00+01:00",
    "9999-12-31T23:59:59.9999999",
    "",
    "now",
]


def read_by_all(text: str) -> list[datetime | None]:
    """Return the start of a period as each of the three reads it; None: rejected."""
    said = read_period([text], [])
    read = [said.start if isinstance(said, Period) else None]
    for reads in (
        lambda: period_from_texts(None, text, None, NOW).start,
        lambda: audit_settings([f"--from={text}"], {}, NOW).period.start,
    ):
        try:
            read.append(reads())
        except (ValueError, SystemExit):
            read.append(None)
    return read


@pytest.mark.parametrize("text", SAME)
def test_iso_8601_is_read_the_same_everywhere(text: str) -> None:
    """Lower case, no separators, a comma, a zone."""
    assert read_by_all(text) == [SAME[text]] * 3


@pytest.mark.parametrize("text", NONE)
def test_anything_else_is_rejected_everywhere(text: str) -> None:
    """Weeks, another separator, no such month, a year out of range."""
    assert read_by_all(text) == [None] * 3


def test_digits_beyond_microseconds_are_inside_the_period() -> None:
    """It begins at the next microsecond, and ends at the one before."""
    text = "2026-11-22T12:00:00.0000015Z"
    begin, end = (instant_from_text(text, round_up=round_up) for round_up in (True, False))
    assert (begin.microsecond, end.microsecond) == (2, 1)
