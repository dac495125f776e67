"""Whole cents in, the same decimal out; what is not an amount is None."""

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.money import amount_of, cents_of

CENTS = st.integers(min_value=-(10**13), max_value=10**13)


@given(CENTS)
def test_every_whole_cents_text_round_trips(cents: int) -> None:
    """A client's decimal with two places is read as exactly those cents, and written back."""
    text = f"{Decimal(cents) / 100:.2f}"
    assert cents_of(json.loads(text)) == cents
    assert Decimal(json.dumps(amount_of(cents))) == Decimal(text)


@given(CENTS)
def test_trailing_zeros_do_not_matter(cents: int) -> None:
    """19.9, 19.90 and 1.99e1 are one amount."""
    assert cents_of(float(f"{Decimal(cents) / 100:f}")) == cents
    assert cents_of(float(f"{cents}e-2")) == cents


@given(st.integers(min_value=-(10**9), max_value=10**9), st.integers(min_value=3, max_value=6), st.data())
def test_more_than_two_decimals_are_not_an_amount(units: int, places: int, data: st.DataObject) -> None:
    """Nothing is rounded for the client."""
    finer = data.draw(st.integers(min_value=1, max_value=10**places - 1).filter(lambda n: n % 10 ** (places - 2)))
    amount = Decimal(units) + Decimal(finer).scaleb(-places)
    assert cents_of(float(amount)) is None


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_whole_numbers_are_whole_units(units: int) -> None:
    """JSON allows 20 and 20.0; both are 2000 cents."""
    assert cents_of(units) == units * 100
    assert cents_of(float(units)) == units * 100


@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf, 0.1 + 0.2, 19.905, 0.001, 5e-324])
def test_what_is_not_an_amount(amount: float) -> None:
    """NaN, infinity, finer than cents, and sums that a client computed in floats."""
    assert cents_of(amount) is None


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_float_raises(amount: float) -> None:
    """Whatever a JSON parser may return gets an answer."""
    assert isinstance(cents_of(amount), int | None)


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_sums_are_written_with_two_decimals_at_most(cents: int) -> None:
    """A summary of any size is exact to the cent."""
    assert Decimal(repr(amount_of(cents))) == Decimal(cents) / 100
