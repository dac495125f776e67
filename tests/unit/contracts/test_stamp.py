"""Points in time keep their digits from text to microseconds and back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.stamp import EPOCH, micros_of, stamp_from_micros, stamp_from_ms, stamp_from_text, text_of

ZONES = st.timedeltas(min_value=timedelta(hours=-14), max_value=timedelta(hours=14)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)
STAMPS = st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2199, 12, 30), timezones=ZONES)  # noqa: DTZ001  # hypothesis adds the zone


@given(STAMPS)
def test_micros_round_trip(stamp: datetime) -> None:
    """Exactly, in any zone, and before 1970."""
    assert stamp_from_micros(micros_of(stamp)) == stamp


@given(STAMPS)
def test_text_round_trips(stamp: datetime) -> None:
    """What is written is read again as the same instant, in UTC."""
    read = stamp_from_text(text_of(stamp))
    assert read == stamp
    assert read.tzinfo is UTC


@given(STAMPS, STAMPS)
def test_micros_sort_as_stamps_do(one: datetime, other: datetime) -> None:
    """The book compares microseconds where a summary has stamps."""
    assert (micros_of(one) < micros_of(other)) == (one < other)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_752_582_896_123, "2025-07-15T12:34:56.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_text_has_milliseconds_and_z(ms: int, text: str) -> None:
    """As processors expect it, also with zero milliseconds."""
    assert text_of(stamp_from_ms(ms)) == text


def test_finer_digits_are_kept_where_they_are_set() -> None:
    """A processor may have recorded more digits than were sent."""
    assert text_of(EPOCH + timedelta(microseconds=1)) == "1970-01-01T00:00:00.000001Z"


@pytest.mark.parametrize(
    "text",
    [
        "2025-07-15T12:34:56.123Z",
        "2025-07-15T12:34:56.123",
        "2025-07-15 12:34:56.123",
        "2025-07-15T12:34:56.123000+00:00",
        "2025-07-15T14:34:56.123+02:00",
        "20250715T123456.123Z",
    ],
)
def test_every_spelling_of_an_instant_is_that_instant(text: str) -> None:
    """No zone is UTC."""
    assert stamp_from_text(text) == stamp_from_ms(1_752_582_896_123)


def test_a_date_is_its_first_instant() -> None:
    """ISO 8601 allows dates without a time."""
    assert text_of(stamp_from_text("2025-07-15")) == "2025-07-15T00:00:00.000Z"


@pytest.mark.parametrize("text", ["", "now", "2025-13-01T00:00:00Z", "2025-07-15T25:00:00Z", "1752582896123", "12:34"])
def test_what_is_not_a_stamp_is_rejected(text: str) -> None:
    """An error, never a guess."""
    with pytest.raises(ValueError):  # noqa: PT011  # the sentence is Python's own
        stamp_from_text(text)
