"""Figures as text; an unknown one is a dash. Pure."""

from decimal import ROUND_HALF_EVEN, Decimal

UNKNOWN = "-"

_CENT = Decimal("0.01")
_MANY = 100
_S_PER_MINUTE = 60
_MS_PER_S = 1000


def money(amount: Decimal | None) -> str:
    """Return an amount to the cent; finer digits of a fee are rounded for display only."""
    return UNKNOWN if amount is None else f"{amount.quantize(_CENT, ROUND_HALF_EVEN):,}"


def exact(amount: Decimal) -> str:
    """Return an amount with all its digits, at least two of them decimals."""
    digits = f"{amount.normalize():f}"
    whole, _, decimals = digits.partition(".")
    return f"{whole}.{decimals:0<2}"


def count(number: float | None) -> str:
    """Return a whole number with commas: ``1,234``."""
    return UNKNOWN if number is None else f"{number:,.0f}"


def rate(number: float | None) -> str:
    """Return a rate per second: ``12.3/s``, whole from 100 on."""
    if number is None:
        return UNKNOWN
    return f"{number:,.0f}/s" if number >= _MANY else f"{number:.1f}/s"


def ms(number: float | None) -> str:
    """Return a time given in milliseconds: ``14.2 ms``, or ``1.5 s`` from a second on."""
    if number is None:
        return UNKNOWN
    return f"{number / _MS_PER_S:,.1f} s" if number >= _MS_PER_S else f"{number:.1f} ms"


def seconds(number: float | None) -> str:
    """Return a time given in seconds: ``4.0 s``, or ``1.5 min`` from a minute on."""
    if number is None:
        return UNKNOWN
    return f"{number / _S_PER_MINUTE:,.1f} min" if number >= _S_PER_MINUTE else f"{number:.1f} s"


def percent(share: float | Decimal | None) -> str:
    """Return a share of 0 to 1 in percent: ``12.3 %``."""
    return UNKNOWN if share is None else f"{share * 100:.1f} %"


def fee(share: Decimal | None) -> str:
    """Return a fee in percent, with as many digits as it has."""
    return UNKNOWN if share is None else f"{(share * 100).normalize():f} %"
