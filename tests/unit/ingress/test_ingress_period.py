"""The period of a summary: how its ends may be written, and that no text raises."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.period import Period
from services.ingress.core.admission import Rejected
from services.ingress.core.period import read_period

NOON = datetime(2025, 7, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2025-07-15T12:00:00Z",
        "2025-07-15T12:00:00.000Z",
        "2025-07-15T12:00:00.000000Z",
        "2025-07-15t12:00:00z",
        "2025-07-15T12:00:00",
        "2025-07-15T12:00",
        "2025-07-15T12",
        "2025-07-15 12:00:00",
        "2025-07-15T12:00:00+00:00",
        "2025-07-15T12:00:00 00:00",
        "2025-07-15 12:00:00 00:00",
        "2025-07-15T14:30:00+02:30",
        "2025-07-15T14:30:00 02:30",
        "2025-07-15T09:00:00-03:00",
        "2025-07-15T09:00:00-03",
        "20250715T120000Z",
        "20250715 120000 0000",
    ],
)
def test_spellings_of_one_instant_are_one_instant(text: str) -> None:
    """No zone is UTC; a space stands for a + that was not escaped, or before the time for the T."""
    assert read_period([text], [text]) == Period(NOON, NOON)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "now",
        "1752537600",
        "2025",
        "2025-07",
        "2025-W29-2",
        "2025-13-01",
        "2025-02-30",
        "2025-07-15T25:00:00Z",
        "2025-07-15T12:60:00Z",
        "2025-07-15X12:00:00Z",
        "2025-07-15T12:00:00Zebra",
        "2025-07-15T12:00:00Z\n",
        "2025-07-15T12:00:00+24:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "\N{ARABIC-INDIC DIGIT TWO}025-07-15",
        "2025-07-15T12:00:00." + "0" * 60 + "Z",
    ],
)
def test_garbage_is_rejected_at_either_end(text: str) -> None:
    """What is not ISO 8601, or not an instant, is 400 and names its end."""
    for where, texts in (("from", ([text], [])), ("to", ([], [text]))):
        answer = read_period(*texts)
        assert isinstance(answer, Rejected)
        assert (answer.status, answer.slug, answer.detail.split(":")[0]) == (400, "not_a_period", where)


def test_missing_end_is_open() -> None:
    """One end, or both, may be left out."""
    assert read_period([], []) == Period(None, None)
    assert read_period(["2025-07-15T12"], []) == Period(NOON, None)
    assert read_period([], ["2025-07-15T12"]) == Period(None, NOON)


def test_ends_may_be_one_instant_but_not_reversed() -> None:
    """Both ends are inclusive, so a period of one instant is valid; from after to is not."""
    assert read_period(["2025-07-15T12"], ["2025-07-15T12"]) == Period(NOON, NOON)
    assert isinstance(read_period(["2025-07-15T12:00:00.000001"], ["2025-07-15T12"]), Rejected)


def test_end_given_twice_is_rejected() -> None:
    """Two different ends cannot both be meant."""
    assert isinstance(read_period(["2025-07-15", "2025-07-16"], []), Rejected)


def test_digits_beyond_microseconds_never_widen_the_period() -> None:
    """From is the first stamp at or after it, to the last one at or before it."""
    micros = timedelta(microseconds=1)
    assert read_period(["2025-07-15T12:00:00.0000001Z"], []) == Period(NOON + micros, None)
    assert read_period([], ["2025-07-15T12:00:00.0000009Z"]) == Period(None, NOON)
    assert read_period(["2025-07-15T12:00:00.000000000Z"], []) == Period(NOON, None)


@settings(deadline=None)  # a busy machine is not a failure
@given(st.datetimes(timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))))
def test_any_instant_written_by_isoformat_is_read_exactly(stamp: datetime) -> None:
    """To the microsecond, with its zone; also if its plus arrives as a space."""
    try:
        expected = stamp.astimezone(UTC)
    except OverflowError:
        assert isinstance(read_period([stamp.isoformat()], []), Rejected)
        return
    assert read_period([stamp.isoformat()], []) == Period(expected, None)
    assert read_period([stamp.isoformat().replace("+", " ")], []) == Period(expected, None)


@settings(deadline=None)  # a busy machine is not a failure
@given(st.text(max_size=60) | st.from_regex(r"\A[0-9TZ:+., -]{0,45}\Z"))
def test_any_text_gets_an_answer(text: str) -> None:
    """Nothing that a query may contain raises."""
    assert isinstance(read_period([text], [text]), Period | Rejected)
