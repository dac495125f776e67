"""Every row of the outcome table."""

from datetime import UTC, datetime

import pytest

from services.contracts.money import Cents
from services.dispatcher.core.outcome import (
    ASK_PROCESSOR,
    Absent,
    Booked,
    Found,
    Lookup,
    LookupFailed,
    NoAnswer,
    NotBooked,
    NotSent,
    Outcome,
    PostAnswer,
    Refused,
    Unknown,
    outcome_after_lookup,
    outcome_of,
)

FOUND = Found(Cents(1990), datetime(2025, 7, 15, 12, 34, 56, tzinfo=UTC))
FAILED = LookupFailed("silence")

ASKED = {409, 422, 500, 503}
REFUSED = {400, 413, 415}
LISTED = {*range(200, 500), *ASKED}


def row(status: int) -> PostAnswer:
    """Return a complete answer."""
    return PostAnswer(status, f"{status} said")


@pytest.mark.parametrize("status", range(200, 300))
def test_complete_2xx_is_booked_without_a_look_up(status: int) -> None:
    """It shows the outcome by itself."""
    assert outcome_of(row(status)) == Booked(None)


@pytest.mark.parametrize("status", sorted(ASKED))
def test_reply_that_does_not_show_the_outcome_is_looked_up(status: int) -> None:
    """409, 422, 500 and 503 leave it to the look-up."""
    assert outcome_of(row(status)) is ASK_PROCESSOR


def test_429_is_not_booked() -> None:
    """Too busy: the payment was not accepted, and the address is right."""
    assert outcome_of(row(429)) == NotBooked("429 said", misconfigured=False)


def test_refused_connection_is_not_booked() -> None:
    """Not one byte was sent."""
    assert outcome_of(NotSent("refused")) == NotBooked("refused", misconfigured=False)


@pytest.mark.parametrize("status", sorted(REFUSED))
def test_bad_payment_is_refused(status: int) -> None:
    """Rejected for good, with the processor's text."""
    assert outcome_of(row(status)) == Refused(f"{status} said")


@pytest.mark.parametrize("status", sorted({*range(300, 500)} - REFUSED - ASKED - {429}))
def test_3xx_and_other_4xx_are_misconfigured(status: int) -> None:
    """Not booked, and no payment will get through there."""
    assert outcome_of(row(status)) == NotBooked(f"{status} said", misconfigured=True)


def test_no_answer_is_unknown() -> None:
    """Whatever it was, the processor may have booked."""
    assert outcome_of(NoAnswer("timeout")) == Unknown("timeout")


@pytest.mark.parametrize("status", sorted({*range(1000)} - LISTED))
def test_status_in_no_row_is_unknown(status: int) -> None:
    """An unlisted status proves nothing: 1xx, 502, 504, all other 5xx, and numbers that are not a status."""
    assert outcome_of(row(status)) == Unknown(f"{status} said")


@pytest.mark.parametrize(
    ("reply", "lookup", "expected"),
    [
        *((row(status), FOUND, Booked(FOUND)) for status in sorted(ASKED)),
        *((row(status), FAILED, Unknown(f"{status} said, and GET: silence")) for status in sorted(ASKED)),
        (row(500), Absent(), NotBooked("500 said")),
        (row(503), Absent(), NotBooked("503 said")),
        (row(409), Absent(), Refused("409 said")),
        (row(422), Absent(), Refused("422 said")),
        (PostAnswer(422, "already exists"), Absent(), Refused("already exists")),
        (PostAnswer(409, "already exists"), FAILED, Unknown("already exists, and GET: silence")),
    ],
)
def test_look_up_decides(reply: PostAnswer, lookup: Lookup, expected: Outcome) -> None:
    """What GET shows, together with the reply before it."""
    assert outcome_after_lookup(reply, lookup) == expected


@pytest.mark.parametrize(
    ("status", "lookup", "expected"),
    [
        (503, Absent(), Unknown("503 said, perhaps a gateway's")),
        (503, FOUND, Booked(FOUND)),
        (503, FAILED, Unknown("503 said, and GET: silence")),
        (500, Absent(), NotBooked("500 said")),
        (409, Absent(), Refused("409 said")),
        (422, Absent(), Refused("422 said")),
    ],
)
def test_503_behind_a_gateway_leaves_open_whether_the_handler_still_runs(
    status: int, lookup: Lookup, expected: Outcome
) -> None:
    """What GET does not find may still be booked by it; the other replies are the handler's own in any setup."""
    assert outcome_after_lookup(row(status), lookup, speaks_for_itself=False) == expected
