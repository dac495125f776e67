"""Durations in buckets: sums are exact, and a quantile is off by no more than its bucket."""

import math
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.durations import BOUNDS_MS, Durations, quantile_ms


def _counted(times_ms: list[float]) -> Durations:
    found = Durations()
    for took_ms in times_ms:
        found.add(took_ms)
    return found


def test_nothing_counted_has_no_quantile() -> None:
    """A zero would look like a very good answer time."""
    assert quantile_ms(Durations().counts, 0.99) is None


def test_a_duration_beyond_the_last_bound_counts_as_that() -> None:
    """None is left out."""
    assert quantile_ms(_counted([1e9]).counts, 0.5) == BOUNDS_MS[-1]


@given(st.lists(st.floats(0.001, 59_000), min_size=1, max_size=200), st.sampled_from((0.01, 0.5, 0.9, 0.99, 1.0)))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(times_ms: list[float], share: float) -> None:
    """Also at the borders."""
    true_ms = sorted(times_ms)[max(0, math.ceil(share * len(times_ms)) - 1)]
    at = bisect_left(BOUNDS_MS, true_ms)
    found_ms = quantile_ms(_counted(times_ms).counts, share)
    assert found_ms is not None
    assert (BOUNDS_MS[at - 1] if at else 0.0) <= found_ms <= BOUNDS_MS[at] * (1 + 1e-9)


@given(st.lists(st.floats(0.001, 59_000)), st.lists(st.floats(0.001, 59_000)))
def test_two_instances_add_up(one: list[float], other: list[float]) -> None:
    """Counts of both are the counts of all."""
    added = [a + b for a, b in zip(_counted(one).counts, _counted(other).counts, strict=True)]
    assert added == _counted(one + other).counts
    assert _counted(one).sum_ms == pytest.approx(sum(one))
