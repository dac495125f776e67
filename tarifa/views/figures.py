"""Figures as text; what is unknown is a dash. Pure."""

from decimal import ROUND_HALF_EVEN, Decimal

UNKNOWN = "-"

_CENT = Decimal("0.01")
_MANY = 100
_S_PER_MINUTE = 60
_MS_PER_S = 1000


def money(amount: Decimal | None) -> str:
    """Return an amount to the cent; a fee's finer digits are rounded for the eye only."""
    return UNKNOWN if amount is None else f"{amount.quantize(_CENT, ROUND_HALF_EVEN):,}"


def exact(amount: Decimal) -> str:
    """Return an amount with all its digits, at least two of them decimals."""
    digits = f"{amount.normalize():f}"
    whole, _, decimals = digits.partition(".")
    return f"{whole}.{decimals:0<2}"


def count(number: float | None) -> str:
    """Return a whole number."""
    return UNKNOWN if number is None else f"{number:,.0f}"


def rate(number: float | None) -> str:
    """Return so many a second."""
    if number is None:
        return UNKNOWN
    return f"{number:,.0f}/s" if number >= _MANY else f"{number:.1f}/s"


def ms(number: float | None) -> str:
    """Return a short time."""
    if number is None:
        return UNKNOWN
    return f"{number / _MS_PER_S:,.1f} s" if number >= _MS_PER_S else f"{number:.1f} ms"


def seconds(number: float | None) -> str:
    """Return a time."""
    if number is None:
        return UNKNOWN
    return f"{number / _S_PER_MINUTE:,.1f} min" if number >= _S_PER_MINUTE else f"{number:.1f} s"


def percent(share: float | Decimal | None) -> str:
    """Return a share of 0 to 1."""
    return UNKNOWN if share is None else f"{share * 100:.1f} %"


def fee(share: Decimal | None) -> str:
    """Return a fee with as many digits as it has."""
    return UNKNOWN if share is None else f"{(share * 100).normalize():f} %"
