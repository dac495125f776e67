"""No interleaving of a small world charges twice, and each rule is needed for that."""

import pytest

from tests.model.search import explore
from tests.model.world import VARIANTS, Left
from tests.model.worlds import CATCHES

# Everything of the other worlds, so small that every interleaving is searched within seconds.
SMALL = {
    "crash": Left(log=2, lines=2, crashes=1),
    "drop": Left(log=2, lines=2, drops=1),
    "late": Left(log=2, lines=2, late=1),
    "release": Left(log=3, lines=2, releases=1),
    "closed": Left(log=2, lines=1, closes=1),
    "returned": Left(log=3, lines=3, returns=1),
    "refused": Left(log=2, lines=2, refusals=1, drops=1),
    "back": Left(log=1, lines=1, back=1),
}


@pytest.mark.parametrize("name", SMALL)
def test_no_interleaving_charges_twice(name: str) -> None:
    """Every state of the world is visited, and none violates the protocol."""
    found = explore(SMALL[name])
    assert found.complete
    assert not found.violation, "\n".join(found.trace)


@pytest.mark.parametrize("rule", VARIANTS)
def test_each_rule_is_needed(rule: str) -> None:
    """With it removed, the search finds a payment charged twice, so it detects what the rule prevents."""
    found = explore(CATCHES[rule], rule, states_max=300_000)
    assert found.violation == "CHARGED TWICE"
    assert found.trace
