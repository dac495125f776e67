"""Money is a whole number of cents; a decimal amount exists only in HTTP bodies."""

from typing import NewType

Cents = NewType("Cents", int)

CENTS_PER_UNIT = 100


def cents_of(amount: float) -> Cents | None:
    """Return the whole cents that a JSON number stands for, or None where it stands for none.

    A double is taken for the decimal that its shortest text shows: 19.9 is 1990 cents, 0.1 + 0.2 is not an amount.
    Exact below 10**13 cents; the caller bounds the amount first (AMOUNT_MAX). NaN and infinity are None.
    """
    if isinstance(amount, int):
        return Cents(amount * CENTS_PER_UNIT)
    try:
        cents = round(amount * CENTS_PER_UNIT)
    except (ValueError, OverflowError):
        return None
    # int / int is correctly rounded, so this asks whether `amount` is the double nearest to that many cents.
    return Cents(cents) if cents / CENTS_PER_UNIT == amount else None


def amount_of(cents: int) -> float:
    """Return the JSON number for a sum of cents; its shortest text has at most two decimals (below 10**15 cents)."""
    return cents / CENTS_PER_UNIT
