"""Figures as text."""

from decimal import Decimal

import pytest

from tarifa.views import figures


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (figures.money(Decimal("1234567.8")), "1,234,567.80"),
        (figures.money(Decimal("0.995")), "1.00"),
        (figures.exact(Decimal("0.9950")), "0.995"),
        (figures.exact(Decimal("1E+2")), "100.00"),
        (figures.exact(Decimal("19.9")), "19.90"),
        (figures.count(1234.0), "1,234"),
        (figures.rate(0.25), "0.2/s"),
        (figures.rate(1234.4), "1,234/s"),
        (figures.ms(9.96), "10.0 ms"),
        (figures.ms(1500), "1.5 s"),
        (figures.seconds(59.94), "59.9 s"),
        (figures.seconds(90), "1.5 min"),
        (figures.percent(0.905), "90.5 %"),
        (figures.fee(Decimal("0.05")), "5 %"),
        (figures.fee(Decimal("0.125")), "12.5 %"),
        (figures.fee(Decimal("0.1")), "10 %"),
    ],
)
def test_figures_are_short_and_have_units(shown: str, text: str) -> None:
    """Each kind of figure in its format."""
    assert shown == text


def test_an_unknown_figure_is_a_dash_and_not_zero() -> None:
    """For every kind."""
    kinds = (figures.count, figures.rate, figures.ms, figures.seconds, figures.percent, figures.money, figures.fee)
    assert {kind(None) for kind in kinds} == {"-"}
