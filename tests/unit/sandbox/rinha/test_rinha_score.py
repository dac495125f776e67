"""The challenge's arithmetic, by hand-computed examples, and the verdict."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rinha import profile
from sandbox.rinha.audit import audit
from sandbox.rinha.load_journal import Calls, Comparison, LoadJournal, PostedPayment
from sandbox.rinha.score import NothingToScoreError, assess, bonus_for, percentile, score
from services.contracts.summary import Totals

PREVIEW = profile.load("preview")
FINAL = profile.load("final")


def at_end(said: tuple[int, int], booked: tuple[int, int], amount_cents: int) -> Comparison:
    """Totals at the end of a load: counts of (default, fallback)."""
    names = ("default", "fallback")
    return Comparison(
        at_ms=0,
        said={name: Totals(count, count * amount_cents) for name, count in zip(names, said, strict=True)},
        booked={name: Totals(count, count * amount_cents) for name, count in zip(names, booked, strict=True)},
        fees={"default": None, "fallback": None},
    )


def test_preview_scores_the_backends_own_totals() -> None:
    """900 on default and 100 on fallback, p99 of 6 ms: 19,900 - 895.50 - 298.50 = 18,706, plus 10 %."""
    result = score(PREVIEW, 1000, at_end((900, 100), (1, 1), 1990), 6.0, 0)
    assert result.gross_cents == 1_990_000
    assert result.fees_cents == 119_400
    assert result.bonus == Decimal("0.10")
    assert result.total_cents == Decimal(2_057_660)
    assert result.lag == 0


def test_final_scores_the_processors_totals() -> None:
    """1,000 on default at 7 %, p99 of 20 ms: 20,050 - 1,403.50 = 18,646.50 without any bonus."""
    result = score(FINAL, 1010, at_end((1, 1), (1000, 0), 2005), 20.0, 0)
    assert result.total_cents == Decimal("1864650.00")
    assert result.bonus == 0
    assert result.lag == 10
    assert result.share_of_fees_ceiling == Decimal(1000) / Decimal(1010)


def test_one_difference_costs_a_third() -> None:
    """The fine is 35 % of the amount after fees, however small the difference."""
    totals = at_end((100, 0), (100, 0), 1990)
    clean, fined = score(PREVIEW, 100, totals, 11.0, 0), score(PREVIEW, 100, totals, 11.0, 1)
    assert fined.fine == Decimal("0.35")
    assert fined.total_cents == clean.total_cents * Decimal("0.65")


def test_the_ceiling_is_everything_at_the_cheaper_processor_with_a_bonus_of_a_fifth() -> None:
    """A p99 of 1 ms and all payments on default is exactly the ceiling."""
    result = score(PREVIEW, 100, at_end((100, 0), (100, 0), 1990), 1.0, 0)
    assert result.share_of_ceiling == 1
    assert result.share_of_fees_ceiling == 1


def test_more_charged_than_accepted_is_disqualified() -> None:
    """A negative lag is the challenge's sign of double charges."""
    result = score(PREVIEW, 99, at_end((100, 0), (100, 0), 1990), 1.0, 0)
    assert result.lag == -1
    assert result.is_disqualified


def test_a_load_of_which_nothing_was_accepted_scores_nothing() -> None:
    """There is no division by zero."""
    result = score(PREVIEW, 0, at_end((0, 0), (0, 0), 1990), 0.0, 0)
    assert result.total_cents == 0
    assert result.share_of_ceiling == 0


@pytest.mark.parametrize(
    ("p99_ms", "bonus"),
    [
        (1.0, "0.20"),
        (10.65, "0.01"),  # 0.35 * 0.02 = 0.007
        (10.75, "0.01"),  # 0.25 * 0.02 = 0.005: half goes up
        (10.754, "0.01"),  # p99 itself is rounded to 10.75 first
        (10.76, "0.00"),
        (1.25, "0.20"),  # 9.75 * 0.02 = 0.195: half goes up
        (11.0, "0"),
        (800.0, "0"),
    ],
)
def test_bonus_is_two_percent_for_each_millisecond_below_eleven(p99_ms: float, bonus: str) -> None:
    """Rounded to whole percents, half up, never negative."""
    assert bonus_for(p99_ms) == Decimal(bonus)


@given(st.floats(0, 5000), st.floats(0, 5000))
def test_a_faster_backend_never_has_a_smaller_bonus(one_ms: float, other_ms: float) -> None:
    """The bonus falls as p99 grows, and is between 0 and 22 %."""
    fast, slow = sorted([one_ms, other_ms])
    assert Decimal("0.22") >= bonus_for(fast) >= bonus_for(slow) >= 0


def test_percentile_interpolates_like_the_load_generator() -> None:
    """Between ten values the 99th percentile lies near the last one."""
    values = [float(value) for value in range(1, 11)]
    assert percentile(values, 0.5) == pytest.approx(5.5)
    assert percentile(values, 0.99) == pytest.approx(9.91)
    assert percentile([], 0.99) == 0
    assert percentile([3.0], 0.5) == 3


@given(st.lists(st.floats(0, 1000), min_size=1), st.floats(0, 1))
def test_percentile_lies_within_its_values(values: list[float], rank: float) -> None:
    """Interpolation never leaves the range."""
    result = percentile(sorted(values), rank)
    assert min(values) * (1 - 1e-12) <= result <= max(values) * (1 + 1e-12)


def good_journal() -> LoadJournal:
    """Write the journal of a run in which one payment was offered, accepted and counted."""
    totals = at_end((1, 0), (1, 0), 1990)
    journal = LoadJournal(start_ms=0, checks=[totals], totals=totals, calls=Calls(5, 1.0, 2.0))
    journal.add([b'{"kind":"payment","id":"a","at_ms":1,"status":202,"took_ms":3.5}'])
    return journal


def test_a_run_without_findings_passes() -> None:
    """No complaints; the POST's own latency is shown beside that of all calls."""
    result = assess(PREVIEW, good_journal(), None)
    assert (result.accepted, result.failed, result.posts.p99_ms, result.calls.p99_ms) == (1, 0, 3.5, 2.0)
    assert result.complaints == ["no audit: the processors do not show their records"]


def test_processors_with_other_fees_are_reported() -> None:
    """A stack that was started for another profile is found; fees that were not reported are no difference."""
    journal = good_journal()
    assert journal.totals is not None
    assert not assess(PREVIEW, journal, None).fees_differ
    journal.totals = replace(journal.totals, fees={"default": 0.05, "fallback": 0.15})
    assert not assess(PREVIEW, journal, None).fees_differ
    assert assess(FINAL, journal, None).fees_differ


def test_every_broken_rule_is_a_complaint() -> None:
    """Lag, differences, failures, losses and double charges each fail a run; slowness does not."""
    journal = good_journal()
    journal.stages_refused = 1
    journal.totals = at_end((0, 0), (0, 0), 1990)
    journal.checks = [at_end((1, 0), (2, 0), 1990)]
    journal.posts.append(PostedPayment("b", 1, 503, 1.0))
    journal.calls = Calls(5, 900.0, 1400.0)
    charges = audit(journal.posts, [], 1990)
    assert assess(PREVIEW, journal, replace(charges, charged_again=2)).complaints == [
        "lag: 1",
        "differences: 1",
        "cents of difference: 1990",
        "failed: 1",
        "orders refused by the processors: 1",
        "double charges: 2",
        "lost: 1",
    ]


def test_if_processors_were_asked_before_and_after_only_counts_outside_are_complaints() -> None:
    """A payment booked between nearly simultaneous answers is a difference, as in the challenge, but not a fault."""
    edge = profile.load("edge")
    journal = good_journal()
    between = replace(at_end((1, 0), (2, 0), 1990), before=at_end((0, 0), (1, 0), 1990).booked)
    journal.checks = [replace(between, after=between.booked)]
    charges = audit(journal.posts, [], 1990)
    seen = assess(edge, journal, replace(charges, lost=0))
    assert (seen.differences, seen.outside, seen.complaints) == (1, 0, [])
    journal.checks = [replace(between, before=between.booked, after=between.booked)]
    seen = assess(edge, journal, replace(charges, lost=0))
    assert (seen.outside, seen.complaints) == (1, ["outside of before and after: 1"])


def test_a_run_in_which_nothing_happened_does_not_pass() -> None:
    """Zeros because nothing was accepted are not a success."""
    journal = LoadJournal(start_ms=0, totals=at_end((0, 0), (0, 0), 1990), calls=Calls(0, 0, 0))
    assert assess(PREVIEW, journal, audit([], [], 1990)).complaints == ["nothing was accepted"]


def test_a_load_without_an_end_is_not_scored() -> None:
    """A truncated journal has no score, rather than a wrong one."""
    with pytest.raises(NothingToScoreError):
        assess(PREVIEW, LoadJournal(), None)
