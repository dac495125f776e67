"""What a caller sends and receives: a payment's three fields, read strictly and printed exactly.

Behind this module money is integer cents and a stamp is integer microseconds since 1970; decimals and ISO 8601 exist
only in HTTP bodies.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

import orjson

# Only the hyphenated form: the official processor refuses braces, `urn:` and missing hyphens too.
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)

# Above it a double no longer distinguishes one cent from the next.
AMOUNT_MAX: Final = 10**13

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_UTC: Final = _EPOCH.replace(tzinfo=None)  # prints without a zone, in half the time
_MICROSECOND: Final = timedelta(microseconds=1)
_STAMP_US_MIN: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_STAMP_US_MAX: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_DATE_LENGTH: Final = len("2025-07-15")


class ProcessorPayment(NamedTuple):
    """One payment as it is booked; the id is in lower case, so that two spellings of it are one payment."""

    correlation_id: str
    amount_cents: int
    requested_at_us: int


class Malformed(NamedTuple):
    """A request that cannot be read, with what is wrong and where."""

    why: str


def read_payment(body: bytes) -> ProcessorPayment | Malformed:
    """Read the body of POST /payments; anything missing, mistyped or unreadable is `Malformed`."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Malformed("the body is not JSON")
    if type(fields) is not dict:
        return Malformed("the body is not a JSON object")
    correlation_id = read_id(fields.get("correlationId"))
    if correlation_id is None:
        return Malformed("correlationId is missing or not a UUID")
    amount_cents = read_cents(fields.get("amount"))
    if amount_cents is None:
        return Malformed("amount is missing or not a number")
    requested_at_us = read_stamp_us(fields.get("requestedAt"))
    if requested_at_us is None:
        return Malformed("requestedAt is missing or not an ISO 8601 stamp")
    return ProcessorPayment(correlation_id, amount_cents, requested_at_us)


def read_id(value: object) -> str | None:
    """Return the id in lower case, or None if it is not a hyphenated UUID."""
    if type(value) is str and _UUID.fullmatch(value):
        return value.lower()
    return None


def read_cents(value: object) -> int | None:
    """Return the amount in cents, half a cent rounded away from zero, or None if it is not a number within bounds."""
    if type(value) is int and abs(value) < AMOUNT_MAX:
        return value * 100
    if type(value) is not float or not abs(value) < AMOUNT_MAX:
        return None
    cents = round(value * 100)
    if cents / 100 == value:
        return cents  # the double nearest to a two-decimal number: nothing to round, and no Decimal needed
    return int((Decimal(repr(value)) * 100).to_integral_value(ROUND_HALF_UP))


def read_stamp_us(value: object) -> int | None:
    """Return the stamp in microseconds, finer digits cut off, no zone read as UTC; None if it is not ISO 8601."""
    if type(value) is not str or value[4:5] != "-" or (len(value) != _DATE_LENGTH and value[10:11] != "T"):
        return None  # fromisoformat also knows basic and week forms, which the official processor does not
    try:
        stamp = datetime.fromisoformat(value)
    except ValueError:
        return None
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=UTC)
    stamp_us = (stamp - _EPOCH) // _MICROSECOND
    return stamp_us if _STAMP_US_MIN <= stamp_us <= _STAMP_US_MAX else None


def stamp_text(stamp_us: int) -> str:
    """Return the stamp in UTC, its fraction without trailing zeros, as the official processor prints it."""
    stamp = _EPOCH_UTC + timedelta(microseconds=stamp_us)
    return stamp.isoformat(timespec="microseconds").rstrip("0").rstrip(".") + "Z"


def cents_text(cents: int) -> str:
    """Return these cents as a decimal number with two places."""
    sign = "-" if cents < 0 else ""
    units, rest = divmod(abs(cents), 100)
    return f"{sign}{units}.{rest:02d}"


def payment_json(payment: ProcessorPayment) -> bytes:
    """Return the payment as GET answers it; formatted here because the amount must keep its two decimals."""
    amount = cents_text(payment.amount_cents)
    requested_at = stamp_text(payment.requested_at_us)
    return f'{{"correlationId":"{payment.correlation_id}","amount":{amount},"requestedAt":"{requested_at}"}}'.encode()
