"""Payments go on being settled at the other processor while one is away, whatever is killed in the middle of it."""

import pytest

from sandbox.chaos.outages import Outage, stood_still

OUTAGE = Outage("default", hit_s=100.0, ended_s=120.0, served_s=19.0)


def test_nothing_settled_elsewhere_after_the_hit_is_a_finding() -> None:
    """Neither what was settled before it counts, nor what came after the outage, nor what was settled at home."""
    assert len(stood_still([OUTAGE], [("fallback", 99.0), ("fallback", 121.0), ("default", 110.0)])) == 1


@pytest.mark.parametrize("at_s", [100.0, 110.0, 120.0])
def test_one_settlement_elsewhere_is_enough(at_s: float) -> None:
    """How many there should be is the load test's question."""
    assert stood_still([OUTAGE], [("fallback", at_s)]) == []


def test_nobody_is_to_blame_where_no_other_served() -> None:
    """The other one has faults of its own."""
    assert stood_still([OUTAGE._replace(served_s=5.0)], []) == []
