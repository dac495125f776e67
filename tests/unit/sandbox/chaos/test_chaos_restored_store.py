"""A restored copy explains what was accepted since, and nothing else."""

import pytest

from sandbox.chaos.audit import Verdict, Violation
from sandbox.chaos.offered_payment import OfferedPayment
from sandbox.chaos.restored_store import StoreRestore, may_be_missing, missing_from_copy, without_missing
from sandbox.charges import Charge

TIMES = [StoreRestore(100.0, 110.0), StoreRestore(200.0, 210.0)]


def offer(payment_id: str, sent_s: float, accepted_s: float | None) -> OfferedPayment:
    """One payment."""
    made = OfferedPayment(payment_id, 1990, accepted_s=accepted_s)
    made.record_request(sent_s, "POST")
    return made


@pytest.mark.parametrize(
    ("sent_s", "accepted_s"),
    [
        (99.9, 100.1),  # stored before or after the copy
        (105.0, 105.1),
        (105.0, None),  # perhaps stored
        (109.9, 111.0),  # stored before or after it was back
        (150.0, None),  # before the second one was back
        (205.0, 205.1),
    ],
)
def test_what_may_have_been_stored_since_the_copy_may_be_missing(sent_s: float, accepted_s: float | None) -> None:
    """Also where its client had no answer."""
    assert may_be_missing(offer("a", sent_s, accepted_s), TIMES)


@pytest.mark.parametrize(("sent_s", "accepted_s"), [(99.0, 99.5), (111.0, 111.1), (211.0, None)])
def test_every_promise_holds_for_what_was_accepted_before_or_after(sent_s: float, accepted_s: float | None) -> None:
    """If it is lost, that is a violation."""
    assert not may_be_missing(offer("a", sent_s, accepted_s), TIMES)


def test_what_is_missing_is_named_as_lost_or_charged() -> None:
    """Unless a stream holds it anyway, or its client was promised nothing."""
    offers = {
        each.id: each
        for each in (
            offer("lost", 105, 105.1),
            offer("charged", 105, 105.1),
            offer("settled", 105, 105.1),
            offer("doubtful", 105, None),
            offer("lost outside", 50, 50.1),
        )
    }
    charges = [Charge("default", "charged", 1990, 0), Charge("default", "settled", 1990, 0)]
    found = missing_from_copy(offers, charges, {"settled"}, TIMES)
    assert (found.lost, found.charged) == (["lost"], ["charged"])


def test_a_second_charge_is_a_violation_whatever_the_copy_misses() -> None:
    """And so is any violation about another payment, or about none."""
    violations = [
        Violation(Verdict.LOST, "named", ""),
        Violation(Verdict.DIFFERING, "named", ""),
        doubled := Violation(Verdict.DOUBLED, "named", ""),
        lost := Violation(Verdict.LOST, "other", ""),
        summary := Violation(Verdict.DIFFERING, "", "a summary"),
    ]
    assert without_missing(violations, {"named"}) == [doubled, lost, summary]
