"""Which period a summary is asked for."""

from datetime import UTC, datetime

import pytest

from tarifa.client.period import Period
from tarifa.commands.periods import period_from_texts

NOW = datetime(2026, 11, 22, 12, 30, 0, 250_999, tzinfo=UTC)


def test_since_ends_now() -> None:
    """An hour back from now, with an open end: what is settled meanwhile belongs to it."""
    period = period_from_texts("1h", None, None, NOW)
    assert period.query == {"from": "2026-11-22T11:30:00.250Z"}
    assert str(period) == "from 2026-11-22T11:30:00.250Z until now"


def test_both_ends_may_be_open() -> None:
    """Nothing said is everything asked."""
    period = period_from_texts(None, None, None, NOW)
    assert (period, period.query, str(period)) == (Period(), {}, "at any time")


def test_from_and_to_are_sent_in_utc() -> None:
    """In the one form that needs no guessing."""
    period = period_from_texts(None, "2026-11-22T12:00:00+01:00", "2026-11-22T13:00", NOW)
    assert period.query == {"from": "2026-11-22T11:00:00.000Z", "to": "2026-11-22T13:00:00.000Z"}
    assert str(period) == "from 2026-11-22T11:00:00.000Z to 2026-11-22T13:00:00.000Z"


@pytest.mark.parametrize(
    ("since", "start", "end", "sentence"),
    [
        ("1h", "2026-11-22", None, "--since is instead of"),
        ("1h", None, "2026-11-22", "--since is instead of"),
        ("soon", None, None, "--since must be a length of time"),
        (None, "soon", None, "--from must be ISO 8601"),
        (None, None, "soon", "--to must be ISO 8601"),
        (None, "2026-11-23", "2026-11-22", "--from must not be after --to"),
    ],
)
def test_a_period_that_cannot_be_is_refused(
    since: str | None, start: str | None, end: str | None, sentence: str
) -> None:
    """Each mistake has its own sentence."""
    with pytest.raises(ValueError, match=sentence):
        period_from_texts(since, start, end, NOW)
