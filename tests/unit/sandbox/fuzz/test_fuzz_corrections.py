"""What a schema cannot express is corrected, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.fuzz.corrections import corrected_body, corrected_list, corrected_query
from services.contracts.money import cents_of

EARLY, LATE = "2025-07-15T12:00:00Z", "2025-07-15T13:00:00+00:30"


@pytest.mark.parametrize(
    ("query", "mended"),
    [
        ({"from": LATE, "to": EARLY}, {"from": EARLY, "to": LATE}),
        ({"from": EARLY, "to": LATE}, {"from": EARLY, "to": LATE}),
        ({"from": EARLY, "to": EARLY}, {"from": EARLY, "to": EARLY}),
        ({"from": LATE}, {"from": LATE}),
        ({"from": "garbage", "to": EARLY, "other": 1}, {"from": "garbage", "to": EARLY, "other": 1}),
        ({}, {}),
    ],
)
def test_a_period_that_ends_before_it_begins_is_reversed(query: dict[str, str], mended: dict[str, str]) -> None:
    """Comparing moments, not texts."""
    assert corrected_query(query) == mended


@given(st.floats(min_value=0, max_value=1e9, exclude_min=True))
def test_every_amount_in_bounds_becomes_one_of_whole_cents(amount: float) -> None:
    """At least a cent, and ingress accepts it."""
    body = corrected_body({"amount": amount, "x": 1})
    assert isinstance(body, dict)
    assert cents_of(body["amount"]) is not None
    assert body["amount"] > 0
    assert abs(body["amount"] - amount) <= 0.01


@pytest.mark.parametrize("body", [None, [], "x", {}, {"amount": 19}, {"amount": "1.234"}, {"amount": True}])
def test_what_has_no_fraction_is_unchanged(body: object) -> None:
    """Also a body that is not a payment."""
    assert corrected_body(body) == body


@pytest.mark.parametrize(
    ("query", "mended"),
    [
        ({"inDoubt": "true", "from": "x", "cursor": "settled-7"}, {"inDoubt": "true", "cursor": "accepted-7"}),
        ({"status": "settled", "inDoubt": "true", "from": "x"}, {"status": "settled", "from": "x"}),
        ({"status": "accepted", "limit": 3}, {"status": "accepted", "limit": 3}),
    ],
)
def test_a_list_is_asked_for_with_the_parameters_of_its_status(
    query: dict[str, object], mended: dict[str, object]
) -> None:
    """Each parameter is valid by itself; together they need not be."""
    assert corrected_list(query) == mended
