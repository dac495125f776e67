"""The period of a summary."""

from datetime import UTC, datetime

import pytest

from services.contracts.period import Period
from tarifa.client.period import query_of, words_of
from tarifa.commands.periods import period_from_texts

NOW = datetime(2026, 11, 22, 12, 30, 0, 250_999, tzinfo=UTC)


def test_since_ends_now() -> None:
    """From an hour ago, with an open end: what is settled meanwhile belongs to it."""
    period = period_from_texts("1h", None, None, NOW)
    assert query_of(period) == {"from": "2026-11-22T11:30:00.250Z"}
    assert words_of(period) == "from 2026-11-22T11:30:00.250Z until now"


def test_both_ends_may_be_open() -> None:
    """Without options the period is open."""
    period = period_from_texts(None, None, None, NOW)
    assert (period, query_of(period), words_of(period)) == (Period(), {}, "at any time")


def test_from_and_to_are_sent_in_utc() -> None:
    """In the one unambiguous format."""
    period = period_from_texts(None, "2026-11-22T12:00:00+01:00", "2026-11-22T13:00", NOW)
    assert query_of(period) == {"from": "2026-11-22T11:00:00.000Z", "to": "2026-11-22T13:00:00.000Z"}
    assert words_of(period) == "from 2026-11-22T11:00:00.000Z to 2026-11-22T13:00:00.000Z"


@pytest.mark.parametrize(
    ("since", "start", "end", "sentence"),
    [
        ("1h", "2026-11-22", None, "--since replaces"),
        ("1h", None, "2026-11-22", "--since replaces"),
        ("soon", None, None, "--since must be a length of time"),
        (None, "soon", None, "--from must be ISO 8601"),
        (None, None, "soon", "--to must be ISO 8601"),
        (None, "2026-11-23", "2026-11-22", "--from must not be after --to"),
    ],
)
def test_an_impossible_period_is_rejected(since: str | None, start: str | None, end: str | None, sentence: str) -> None:
    """Each mistake has its own sentence."""
    with pytest.raises(ValueError, match=sentence):
        period_from_texts(since, start, end, NOW)
