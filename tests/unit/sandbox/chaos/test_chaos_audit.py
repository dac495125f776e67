"""The audit reports what is wrong, and nothing else."""

from datetime import UTC, datetime

import pytest

from sandbox.chaos import audit
from sandbox.chaos.audit import SummaryPeriod, UnknownOutcome, Verdict, Violation
from sandbox.chaos.offered_payment import OfferedPayment
from sandbox.chaos.report import verdicts
from sandbox.charges import Charge
from services.contracts.events import PaymentRefused, PaymentSettled, SettlementsCleared, encode
from services.contracts.money import Cents
from services.contracts.stamp import stamp_from_micros

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
OTHER = "5a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
STAMP_US = 1_750_000_000_000_000
NOW = datetime(2025, 7, 15, tzinfo=UTC)
CHARGE = Charge("default", ID, 1990, STAMP_US)


def offers(**fields: object) -> dict[str, OfferedPayment]:
    """One payment, accepted unless said otherwise."""
    return {ID: OfferedPayment(ID, 1990, **({"accepted_s": 1.0} | fields))}  # type: ignore[arg-type]


def settled(processor: str = "default", cents: int = 1990, requested_at_us: int = STAMP_US) -> bytes:
    """A message of SETTLEMENTS."""
    return encode(PaymentSettled(ID, Cents(cents), processor, stamp_from_micros(requested_at_us), NOW, 1))


def found(violations: list[Violation]) -> list[Verdict]:
    """The verdicts alone."""
    return [each.verdict for each in violations]


def test_one_charge_for_an_accepted_payment_is_right() -> None:
    """There are no violations."""
    assert audit.charges_against_offers(offers(), [CHARGE]) == []


def test_an_offered_payment_may_be_charged_once_or_not_at_all() -> None:
    """A client without an answer was promised nothing."""
    assert audit.charges_against_offers(offers(accepted_s=None), []) == []
    assert audit.charges_against_offers(offers(accepted_s=None), [CHARGE]) == []


@pytest.mark.parametrize("accepted_s", [None, 1.0])
def test_two_charges_are_doubled_whatever_was_answered(accepted_s: float | None) -> None:
    """At two processors, or twice at one."""
    for second in (Charge("fallback", ID, 1990, STAMP_US + 1), CHARGE):
        violations = audit.charges_against_offers(offers(accepted_s=accepted_s), [CHARGE, second])
        assert found(violations) == [Verdict.DOUBLED]


def test_an_accepted_payment_without_a_charge_is_lost() -> None:
    """And only that one."""
    assert found(audit.charges_against_offers(offers(), [])) == [Verdict.LOST]


def test_a_charge_that_no_client_asked_for_is_doubled() -> None:
    """Of an id that was never offered, or only in a request that had to be rejected."""
    assert found(audit.charges_against_offers({}, [CHARGE])) == [Verdict.DOUBLED]
    assert found(audit.charges_against_offers(offers(is_invalid=True, accepted_s=None), [CHARGE])) == [Verdict.DOUBLED]


def test_another_amount_or_a_wrong_answer_is_differing() -> None:
    """To the cent."""
    assert found(audit.charges_against_offers(offers(), [Charge("default", ID, 1991, 0)])) == [Verdict.DIFFERING]
    assert found(audit.charges_against_offers(offers(wrong_answers=["409"]), [CHARGE])) == [Verdict.DIFFERING]


def test_the_same_settlement_may_be_there_twice() -> None:
    """The book counts it once."""
    assert audit.settlements_against_charges([settled(), settled()], [CHARGE]) == []


@pytest.mark.parametrize(
    "message",
    [
        settled(processor="fallback"),
        settled(cents=1991),
        settled(requested_at_us=STAMP_US + 1),
        encode(PaymentRefused(ID, Cents(1990), "default", "400", NOW, 1)),
        encode(SettlementsCleared(NOW)),
        b"nonsense",
    ],
)
def test_whatever_else_is_in_settlements_is_differing(message: bytes) -> None:
    """Another processor, amount or stamp; a refusal; a purge; an unreadable message."""
    assert found(audit.settlements_against_charges([settled(), message], [CHARGE])) == [Verdict.DIFFERING]


def test_a_charge_that_was_never_settled_is_differing() -> None:
    """It is charged, and not counted."""
    assert found(audit.settlements_against_charges([], [CHARGE])) == [Verdict.DIFFERING]


def test_an_unknown_outcome_must_be_booked_where_it_was() -> None:
    """Elsewhere, at both, or nowhere breaks a rule even where no client was charged twice."""
    unknown = [UnknownOutcome(ID, "default", STAMP_US / 1e6)]
    elsewhere = Charge("fallback", ID, 1990, STAMP_US)
    assert audit.unknown_against_charges(unknown * 2, [CHARGE]) == []
    for charges in ([elsewhere], [CHARGE, elsewhere], []):
        assert found(audit.unknown_against_charges(unknown, charges)) == [Verdict.DIFFERING]


@pytest.mark.parametrize(
    ("restored_s", "verdicts"),
    [(-1.0, [Verdict.DIFFERING]), (-0.4, []), (1.0, []), (3.0, [Verdict.DIFFERING])],
)
def test_an_unknown_outcome_that_the_store_lost_may_be_booked_elsewhere_since(
    restored_s: float, verdicts: list[Verdict]
) -> None:
    """Times: outcome of an earlier send, store restored, charge."""
    at_s = STAMP_US / 1e6
    unknown = [UnknownOutcome(ID, "default", at_s)]
    elsewhere = Charge("fallback", ID, 1990, STAMP_US + 2_000_000)
    assert found(audit.unknown_against_charges(unknown, [elsewhere], [at_s + restored_s], 0.5)) == verdicts


def test_what_was_shown_must_be_what_was_booked() -> None:
    """Processor and stamp, and always the same."""
    right = {"processor": "default", "requestedAt": CHARGE.requested_at}
    assert audit.shown_against_charges(offers(settlements_shown=[right]), [CHARGE]) == []
    for wrong in (right | {"processor": "fallback"}, right | {"requestedAt": "2025-07-15T00:00:00Z"}):
        assert found(audit.shown_against_charges(offers(settlements_shown=[wrong]), [CHARGE])) == [Verdict.DIFFERING]
    assert (
        len(audit.shown_against_charges(offers(settlements_shown=[right, right | {"processor": "x"}]), [CHARGE])) == 2
    )


def test_a_period_has_both_its_ends() -> None:
    """And open ends are open."""
    names = ("default", "fallback")
    for period in (
        SummaryPeriod(),
        SummaryPeriod(STAMP_US, STAMP_US),
        SummaryPeriod(None, STAMP_US),
        SummaryPeriod(STAMP_US),
    ):
        assert audit.totals([CHARGE], period, names) == {"default": (1, 1990), "fallback": (0, 0)}
    for period in (SummaryPeriod(STAMP_US + 1), SummaryPeriod(None, STAMP_US - 1)):
        assert audit.totals([CHARGE], period, names)["default"] == (0, 0)
    assert SummaryPeriod(STAMP_US, None).query == {"from": CHARGE.requested_at}


def test_a_summary_is_read_only_if_it_is_well_formed() -> None:
    """Exactly the processors, each with both figures."""
    said = {"default": {"totalRequests": 1, "totalAmount": 19.9}, "fallback": {"totalRequests": 0, "totalAmount": 0}}
    assert audit.read_summary(said, ("default", "fallback")) == {"default": (1, 1990), "fallback": (0, 0)}
    for wrong in ([], {}, said | {"third": {}}, said | {"default": {"totalRequests": 1}}, said | {"default": None}):
        assert audit.read_summary(wrong, ("default", "fallback")) is None


def test_verdicts_count_payments_and_not_words() -> None:
    """Three violations of one payment are one bad payment; each about none counts by itself."""
    violations = [Violation(Verdict.DIFFERING, ID, why) for why in "abc"]
    violations += [
        Violation(Verdict.DIFFERING, "", "a"),
        Violation(Verdict.DIFFERING, "", "b"),
        Violation(Verdict.LOST, OTHER, ""),
    ]
    assert verdicts(violations) == {"lost": 1, "doubled": 0, "differing": 3}
