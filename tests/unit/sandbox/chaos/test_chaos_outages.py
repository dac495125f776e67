"""Payments are settled at the other processor while one is away, whatever is killed meanwhile."""

import pytest

from sandbox.chaos.outages import Outage, outages_without_settlements

OUTAGE = Outage("default", hit_s=100.0, ended_s=120.0, served_s=19.0)


def test_nothing_settled_elsewhere_after_the_hit_is_a_violation() -> None:
    """What was settled before it does not count, nor what came after the outage, nor what was settled there."""
    assert (
        len(outages_without_settlements([OUTAGE], [("fallback", 99.0), ("fallback", 121.0), ("default", 110.0)])) == 1
    )


@pytest.mark.parametrize("at_s", [100.0, 110.0, 120.0])
def test_one_settlement_elsewhere_is_enough(at_s: float) -> None:
    """How many there should be is a question for the load test."""
    assert outages_without_settlements([OUTAGE], [("fallback", at_s)]) == []


def test_where_no_other_served_there_is_no_violation() -> None:
    """The other one has its own faults."""
    assert outages_without_settlements([OUTAGE._replace(served_s=5.0)], []) == []
