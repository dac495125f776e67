"""The long faults: one processor at a time, a part hit during an outage, and not too many."""

import itertools
from random import Random

import orjson
import pytest

from sandbox.chaos.acts import NEW, Act, Group, Kind, Setting
from sandbox.chaos.planner import plan
from sandbox.chaos.victims import DEATHS_MAX, REST_S, Victims
from sandbox.processor.faults import FaultPlan, read_fault_plan

TRIALS = (Kind.OUTAGE, Kind.SLOWER, Kind.REFUSAL, Kind.RELEASE, Kind.PAUSE)
OLD = frozenset(Group) - NEW
SEEDS = range(20)
CALL_TIMEOUT_S = 1.5


def acts(seed: int, groups: frozenset[Group] = frozenset(Group), minutes: float = 10) -> tuple[Act, ...]:
    """A run with two dispatchers."""
    services = ("nats", "ledger", "balancer", "ingress-1", "ingress-2", "dispatcher-1", "dispatcher-2")
    setting = Setting(minutes * 60, services, ("default", "fallback"), ack_wait_s=3, call_timeout_s=CALL_TIMEOUT_S)
    return plan(seed, setting, groups)


def of_kind(found: tuple[Act, ...], *kinds: Kind) -> list[Act]:
    """Those of some kinds."""
    return [act for act in found if act.kind in kinds]


@pytest.mark.parametrize("seed", SEEDS)
def test_one_processor_is_tried_at_a_time(seed: int) -> None:
    """The other one is expected to settle meanwhile."""
    for one, next_one in itertools.pairwise(of_kind(acts(seed), *TRIALS)):
        assert next_one.at_s > one.at_s + one.lasts_s


@pytest.mark.parametrize("seed", SEEDS)
def test_something_is_hit_a_few_seconds_into_most_outages(seed: int) -> None:
    """An outage lasts 20 to 30 s, and a dispatcher or nats comes back in the middle of it."""
    found = acts(seed, frozenset({Group.OUTAGE}))
    outages = of_kind(found, Kind.OUTAGE)
    assert len(outages) > 10
    assert all(20 <= outage.lasts_s <= 30 for outage in outages)
    hit = [outage for outage in outages if outage.detail["hit_after_s"]]
    assert len(hit) > len(outages) * 0.8
    for outage in hit:
        first = next(act for act in found if act.kind is not Kind.OUTAGE and act.at_s >= outage.at_s)
        assert first.kind in (Kind.KILL, Kind.RESTART)
        assert first.target in ("nats", "dispatcher-1", "dispatcher-2")
        assert first.at_s - outage.at_s == pytest.approx(outage.detail["hit_after_s"], abs=0.001)


def test_a_slower_processor_is_slower_than_dispatchers_wait() -> None:
    """As its health shows, or not visible for one that books at once."""
    for act in of_kind(acts(7), Kind.SLOWER):
        late_ms = act.detail["mood"]["late_ms"] if "mood" in act.detail else act.detail["profile"]["delay_ms"]
        assert late_ms == 1_800


def test_a_release_is_to_another_processor_from_one_that_books_nothing() -> None:
    """Otherwise a second charge after the release would be no surprise."""
    for act in of_kind(acts(7), Kind.RELEASE):
        assert act.detail["to"] != act.target
        assert set(act.detail["mood"]["rates"]) <= {"unread", "close_before_booking"}


def test_clocks_are_apart_either_way() -> None:
    """A minute ahead, and an hour behind."""
    assert {act.detail["apart_s"] for act in of_kind(acts(7), Kind.CLOCKS)} == {60.0, -3600.0}


def test_every_mood_of_a_trial_is_valid_for_a_processor() -> None:
    """And it affects every payment."""
    for act in of_kind(acts(7), *TRIALS):
        if "mood" in act.detail:
            read = read_fault_plan(orjson.dumps(act.detail["mood"]))
            assert isinstance(read, FaultPlan)
            assert max(read.rates.values()) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_trials_barely_change_the_other_faults(seed: int) -> None:
    """As many hits as without them, within a fifth; and each kind of trial within two minutes."""
    hits = (Kind.KILL, Kind.FREEZE, Kind.RESTART)
    alone, with_trials = (len(of_kind(acts(seed, groups), *hits)) for groups in (OLD, frozenset(Group)))
    assert alone * 0.9 <= with_trials <= alone * 1.2
    assert len({act.kind for act in of_kind(acts(seed, NEW, minutes=2), *TRIALS)}) >= 3


def test_no_other_hit_is_planned_close_to_one() -> None:
    """Neither right before it, when the part would be down, nor right after it."""
    victims = Victims(["nats"], longest_s=7)
    victims.take("nats", 50.0, dies=True)
    dice = Random(1)  # noqa: S311  # not cryptography
    free = [at_s for at_s in range(100) if victims.choose(dice, at_s, deaths=0) is not None]
    assert free == [at_s for at_s in range(100) if at_s <= 50 - 7 - REST_S or at_s >= 50 + REST_S]


def test_deaths_that_are_planned_for_later_count_too() -> None:
    """The supervisor counts them all, in whatever order they were planned."""
    victims = Victims(["nats", "ledger"], longest_s=1)
    for death_s in range(DEATHS_MAX):
        victims.take("nats", 60.0 + death_s, dies=True)
    dice = Random(1)  # noqa: S311  # not cryptography
    assert {victims.choose(dice, 30.0, deaths=1) for _ in range(20)} == {"ledger"}
    assert victims.choose(dice, 30.0, deaths=1, among=("nats",)) is None
    assert victims.choose(dice, 30.0, deaths=0, among=("nats",)) == "nats"
