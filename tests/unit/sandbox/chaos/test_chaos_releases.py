"""Which second charges a release allows: those that it announced, of that payment, at those two processors."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sandbox.chaos import audit
from sandbox.chaos.audit import Verdict
from sandbox.chaos.offered_payment import OfferedPayment
from sandbox.chaos.releases import Release, announced, without_second
from sandbox.charges import Charge
from services.contracts.events import PaymentReleased, PaymentSettled, encode
from services.contracts.money import Cents
from services.contracts.stamp import stamp_from_micros

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
OTHER = "5a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
NOW = datetime(2025, 7, 15, tzinfo=UTC)
OLD, LONG_GROUPS = Charge("default", ID, 1990, 1_000_000), Charge("fallback", ID, 1990, 2_000_000)
RELEASE = Release(ID, "default", "fallback", code=0, announced=True, output="WHAT THIS RISKS: a double charge.")
RELEASED = encode(PaymentReleased(ID, "default", "fallback", "chaos", NOW))
SETTLED = encode(PaymentSettled(ID, Cents(1990), "fallback", stamp_from_micros(2_000_000), NOW, 1))
ALLOWED = {ID: {"default", "fallback"}}


def test_an_announced_and_stored_release_allows_a_second_charge() -> None:
    """Both are needed: the command's output, and the event in the stream."""
    assert announced([RELEASED], [RELEASE]) == ALLOWED
    assert announced([RELEASED], [replace(RELEASE, announced=False)]) == {}
    assert announced([SETTLED], [RELEASE]) == {}
    assert announced([RELEASED], [replace(RELEASE, to="third")]) == {}
    assert announced([RELEASED], []) == {}


def test_the_charge_that_is_not_settled_is_taken_out() -> None:
    """One charge is left, as in streams and summaries."""
    assert without_second([OLD, LONG_GROUPS], [SETTLED], ALLOWED) == ([LONG_GROUPS], [OLD])
    assert without_second([LONG_GROUPS], [SETTLED], ALLOWED) == ([LONG_GROUPS], [])


@pytest.mark.parametrize(
    "charges",
    [
        [LONG_GROUPS, LONG_GROUPS],
        [OLD, LONG_GROUPS, LONG_GROUPS],
        [replace(OLD, processor="third"), LONG_GROUPS],
        [replace(OLD, id=OTHER), replace(LONG_GROUPS, id=OTHER)],
    ],
)
def test_any_other_second_charge_stays_a_violation(charges: list[Charge]) -> None:
    """Twice at one processor, three times, at a third one, or of a payment that was not released."""
    left, second = without_second(charges, [SETTLED], ALLOWED)
    assert (left, second) == (charges, [])
    offers = {each: OfferedPayment(each, 1990, accepted_s=1.0) for each in (ID, OTHER)}
    assert Verdict.DOUBLED in [each.verdict for each in audit.charges_against_offers(offers, left)]


def test_a_second_charge_is_allowed_only_where_one_of_them_is_settled() -> None:
    """Two charges of which nothing is settled are still unexplained."""
    assert without_second([OLD, LONG_GROUPS], [], ALLOWED) == ([OLD, LONG_GROUPS], [])


def test_a_release_in_the_stream_needs_a_command() -> None:
    """An event that no operator caused is a violation."""
    assert audit.settlements_against_charges([RELEASED, SETTLED], [LONG_GROUPS], ALLOWED) == []
    found = audit.settlements_against_charges([RELEASED, SETTLED], [LONG_GROUPS])
    assert [each.verdict for each in found] == [Verdict.DIFFERING]
