"""Payments are read strictly and printed exactly."""

import json
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.processor.payment import (
    AMOUNT_MAX,
    Malformed,
    ProcessorPayment,
    cents_text,
    payment_json,
    read_cents,
    read_payment,
    read_stamp_us,
    stamp_text,
)

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
STAMP = "2025-07-15T12:34:56.123Z"
STAMP_US = 1_752_582_896_123_000


def body(**changes: object) -> bytes:
    """A valid body with some fields changed; None leaves a field out."""
    fields = {"correlationId": ID, "amount": 19.9, "requestedAt": STAMP} | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def test_valid_payment_is_read() -> None:
    """The three fields become an id, cents and microseconds."""
    assert read_payment(body()) == ProcessorPayment(ID, 1990, STAMP_US)


def test_two_spellings_of_one_id_are_one_payment() -> None:
    """The id is lower-cased."""
    assert read_payment(body(correlationId=ID.upper())) == read_payment(body())


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"null", "object"),
        (body(correlationId=None), "correlationId"),
        (body(correlationId=7), "correlationId"),
        (body(correlationId="{" + ID + "}"), "correlationId"),
        (body(correlationId=ID.replace("-", "")), "correlationId"),
        (body(correlationId=ID[:-1]), "correlationId"),
        (body(correlationId=ID[:-1] + "g"), "correlationId"),
        (body(correlationId=ID + "\n"), "correlationId"),
        (body(amount=None), "amount"),
        (body(amount="19.90"), "amount"),
        (body(amount=True), "amount"),
        (body(amount=AMOUNT_MAX), "amount"),
        (body(amount=1e300), "amount"),
        (body(requestedAt=None), "requestedAt"),
        (body(requestedAt=1_752_582_896), "requestedAt"),
        (body(requestedAt="yesterday"), "requestedAt"),
        (body(requestedAt="2025-13-15T12:34:56Z"), "requestedAt"),
        (body(requestedAt="2025-07-15 12:34:56Z"), "requestedAt"),
        (body(requestedAt="20250715T123456Z"), "requestedAt"),
        (body(requestedAt="9999-12-31T23:59:59-14:00"), "requestedAt"),
        (body(requestedAt="0001-01-01T00:00:00+14:00"), "requestedAt"),
    ],
)
def test_the_error_of_an_invalid_payment_names_the_field(bad: bytes, named: str) -> None:
    """For each kind of mistake."""
    found = read_payment(bad)
    assert isinstance(found, Malformed)
    assert named in found.why


@pytest.mark.parametrize(
    ("amount", "cents"),
    [(19.9, 1990), (20.05, 2005), (7, 700), (0.005, 1), (1.005, 101), (2.675, 268), (-1.005, -101), (0.1 + 0.2, 30)],
)
def test_amount_is_rounded_to_two_decimals(amount: float, cents: int) -> None:
    """Half a cent is rounded away from zero, by the decimal text and not by its nearest double."""
    assert read_cents(amount) == cents


@settings(deadline=None)
@given(st.integers(-(10**14), 10**14))
def test_every_two_decimal_amount_is_read_to_the_cent(cents: int) -> None:
    """Printing cents and reading them back gives the same cents."""
    assert read_cents(json.loads(cents_text(cents))) == cents


@settings(deadline=None)
@given(st.floats(-1e9, 1e9))
def test_any_amount_is_rounded_as_decimal_arithmetic_rounds_it(amount: float) -> None:
    """The fast path and the exact one agree with plain decimal rounding."""
    assert read_cents(amount) == int((Decimal(repr(amount)) * 100).to_integral_value(ROUND_HALF_UP))


@pytest.mark.parametrize(
    "sent",
    [
        "2025-07-15T12:34:56.123Z",
        "2025-07-15T12:34:56.1230000Z",
        "2025-07-15T12:34:56.1230009Z",
        "2025-07-15T12:34:56.123+00:00",
        "2025-07-15T09:34:56.123-03:00",
        "2025-07-15T12:34:56.123",
    ],
)
def test_one_instant_is_one_stamp_however_written(sent: str) -> None:
    """Time zones are respected, a missing one is UTC, and digits beyond microseconds are cut off."""
    assert read_stamp_us(sent) == STAMP_US


@pytest.mark.parametrize(
    ("stamp_us", "printed"),
    [
        (STAMP_US, "2025-07-15T12:34:56.123Z"),
        (STAMP_US + 456, "2025-07-15T12:34:56.123456Z"),
        (STAMP_US - 123_000, "2025-07-15T12:34:56Z"),
        (0, "1970-01-01T00:00:00Z"),
    ],
)
def test_stamp_is_printed_without_trailing_zeros(stamp_us: int, printed: str) -> None:
    """The fraction is as short as possible, the seconds keep their zeros."""
    assert stamp_text(stamp_us) == printed


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(UTC)))
def test_stamp_survives_printing_and_reading(stamp: datetime) -> None:
    """No microsecond is lost by printing and reading."""
    stamp_us = read_stamp_us(stamp.isoformat())
    assert stamp_us is not None
    assert read_stamp_us(stamp_text(stamp_us)) == stamp_us


def test_payment_is_printed_with_two_decimals() -> None:
    """The amount keeps its zeros in the JSON of GET."""
    printed = payment_json(ProcessorPayment(ID, 1900, STAMP_US))
    assert printed == f'{{"correlationId":"{ID}","amount":19.00,"requestedAt":"{STAMP}"}}'.encode()
