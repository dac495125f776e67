"""Which range of the past is requested, and in which steps."""

import pytest

from services.contracts.history import KEPT_S, SAMPLE_EVERY_S, STEPS_MAX
from services.ingress.core.admission import Rejected
from services.ingress.core.history import RANGES, read_range

UNITS_S = {"m": 60, "h": 3_600}


@pytest.mark.parametrize("name", RANGES)
def test_each_range_is_as_long_as_its_name_says(name: str) -> None:
    """In whole samples, which are kept for longer, and in no more steps than the ledger answers."""
    asked = read_range([name])
    assert not isinstance(asked, Rejected)
    long_s = int(name[:-1]) * UNITS_S[name[-1]]
    assert asked.steps * asked.step_s == long_s < KEPT_S
    assert asked.step_s % SAMPLE_EVERY_S == 0
    assert asked.steps <= STEPS_MAX


def test_the_default_is_the_shortest() -> None:
    """The last minutes, with which the page opens."""
    assert read_range([]) == RANGES["5m"]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["2h"], "must be one of 5m, 15m, 1h, 6h and 24h, not '2h'"),
        ([""], "not ''"),
        (["5M"], "not '5M'"),
        (["5m", "1h"], "is given 2 times"),
        (["x" * 100], "not 'xxx"),
    ],
)
def test_any_other_is_refused(texts: list[str], said: str) -> None:
    """With a sentence that is no longer than needed."""
    refused = read_range(texts)
    assert isinstance(refused, Rejected)
    assert (refused.slug, said in refused.detail) == ("bad_parameter", True)
    assert len(refused.detail) < 120
