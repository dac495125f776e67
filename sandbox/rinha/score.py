"""The score exactly as the challenge computes it, and this project's own requirements.

Money is counted in cents; fees and shares are exact decimals, so the same run always has the same score.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from sandbox.rinha.audit import Audit
from sandbox.rinha.floor import Floor
from sandbox.rinha.load_journal import Calls, Comparison, LoadJournal, PostedPayment
from sandbox.rinha.profile import PROCESSORS, Profile, TotalsSource
from sandbox.rinha.service_usage import RunUsage

FINE = Decimal("0.35")
BONUS_PER_MS = Decimal("0.02")
BONUS_BELOW_MS = Decimal(11)
CEILING_BONUS = Decimal("0.20")
HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Score:
    """The challenge's arithmetic. Amounts are in cents; bonus, fine and shares are fractions."""

    gross_cents: int
    fees_cents: Decimal
    bonus: Decimal
    fine: Decimal
    total_cents: Decimal
    share_of_ceiling: Decimal  # of every accepted payment on the cheaper processor, with a bonus of 20 %
    share_of_fees_ceiling: Decimal  # the same without any bonus or fine: how well the processors were chosen
    lag: int  # accepted, but not in the totals at the end of the load; negative: more charged than accepted

    @property
    def is_disqualified(self) -> bool:
        """More was charged than accepted: the challenge disqualifies such a backend."""
        return self.lag < 0


@dataclass(frozen=True, slots=True)
class Latency:
    """Of POST /payments alone, answered or not; or of another frequent event."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Result:
    """All results of a run. `audit` is None if the processors' books cannot be read."""

    profile: str
    score: Score
    accepted: int
    failed: int
    checks: int
    differences: int
    difference_cents: int
    outside: int | None  # payments outside what the processors had just before and just after; None: not asked
    calls: Calls
    posts: Latency
    fees_differ: bool  # the processors' fees differ from the profile's, which the score uses
    orders_refused: int  # delays and failures that a processor refused: the profile was not run
    audit: Audit | None
    spending: RunUsage | None = None  # known if the stack ran under limits
    counted: Latency | None = None  # from a processor's answer until the summary has it; known if the stack is ours
    floor: Floor | None = None  # known if it was measured within the hour

    @property
    def complaints(self) -> list[str]:
        """Return what should have been zero and was not; an empty list is a passed run.

        If the processors were asked before and after, a count between the two is right, whatever a third answer
        of nearly the same moment is.
        """
        not_zero = {
            "lag": self.score.lag,
            "differences": self.differences if self.outside is None else 0,
            "cents of difference": self.difference_cents if self.outside is None else 0,
            "outside of before and after": self.outside or 0,
            "failed": self.failed,
            "orders refused by the processors": self.orders_refused,
        }
        if self.audit is not None:
            not_zero |= {
                "double charges": self.audit.double_charges,
                "wrong amounts": self.audit.charged_wrong,
                "lost": self.audit.lost,
            }
        found = [f"{name}: {count}" for name, count in not_zero.items() if count]
        found += ["nothing was accepted"] if not self.accepted else []
        found += ["no audit: the processors do not show their records"] if self.audit is None else []
        return found


class NothingToScoreError(RuntimeError):
    """The load ended before its totals were read."""


def assess(profile: Profile, journal: LoadJournal, audit: Audit | None) -> Result:
    """Return the result of a run; raises `NothingToScoreError` if the journal has no end."""
    if journal.totals is None or journal.calls is None:
        raise NothingToScoreError(
            "The load generator stopped before it had read the totals: there is nothing to score."
        )
    differences = journal.differences(profile.check.differences)
    return Result(
        profile=profile.name,
        score=score(profile, journal.accepted, journal.totals, journal.calls.p99_ms, differences),
        accepted=journal.accepted,
        failed=len(journal.posts) - journal.accepted,
        checks=len(journal.checks),
        differences=differences,
        difference_cents=sum(check.difference_cents for check in journal.checks),
        outside=sum(check.outside for check in journal.checks) if profile.check.bracketed else None,
        calls=journal.calls,
        posts=latency(journal.posts),
        fees_differ=_fees_differ(profile, journal.totals),
        orders_refused=journal.stages_refused,
        audit=audit,
    )


def score(profile: Profile, accepted: int, at_end: Comparison, p99_ms: float, differences: int) -> Score:
    """Return the challenge's score: (gross - fees) * (1 + bonus - fine)."""
    totals = at_end.said if profile.source is TotalsSource.BACKEND else at_end.booked
    gross = sum(totals[name].cents for name in PROCESSORS)
    fees = sum((totals[name].cents * profile.fees[name] for name in PROCESSORS), Decimal(0))
    bonus = bonus_for(p99_ms)
    fine = FINE if differences else Decimal(0)
    total = (gross - fees) * (1 + bonus - fine)
    best = accepted * profile.amount_cents * (1 - min(profile.fees.values()))
    return Score(
        gross_cents=gross,
        fees_cents=fees,
        bonus=bonus,
        fine=fine,
        total_cents=total,
        share_of_ceiling=_share(total, best * (1 + CEILING_BONUS)),
        share_of_fees_ceiling=_share(gross - fees, best),
        lag=accepted - sum(totals[name].count for name in PROCESSORS),
    )


def bonus_for(p99_ms: float) -> Decimal:
    """Return 2 % per millisecond below 11; p99 and bonus are rounded half up to hundredths, as in the challenge."""
    p99 = Decimal(repr(p99_ms)).quantize(HUNDREDTH, ROUND_HALF_UP)
    return max(((BONUS_BELOW_MS - p99) * BONUS_PER_MS).quantize(HUNDREDTH, ROUND_HALF_UP), Decimal(0))


def latency(posts: list[PostedPayment]) -> Latency:
    """Return the median and the 99th percentile of POST /payments."""
    took = sorted(post.took_ms for post in posts)
    return Latency(percentile(took, 0.5), percentile(took, 0.99))


def percentile(ascending: list[float], rank: float) -> float:
    """Interpolate as k6 does, so that its figures and ours are comparable; 0 without values."""
    if not ascending:
        return 0.0
    place = (len(ascending) - 1) * rank
    below = int(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (ascending[above] - ascending[below]) * (place - below)


def _fees_differ(profile: Profile, at_end: Comparison) -> bool:
    reported = {name: Decimal(str(fee)) for name, fee in at_end.fees.items() if fee is not None}
    return any(fee != profile.fees[name] for name, fee in reported.items())


def _share(part: Decimal, whole: Decimal) -> Decimal:
    return part / whole if whole else Decimal(0)
