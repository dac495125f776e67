"""Subjects: a message is published where others subscribe to it."""

import pytest

from services.contracts import subjects

ID = "0b0f8a5c-1111-4222-8333-0123456789ab"


def matches(pattern: str, subject: str) -> bool:
    """Return whether a pattern matches as in NATS: ``*`` is one token, a last ``>`` is one or more."""
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, given = wanted[:-1], given[: len(wanted) - 1] if len(given) >= len(wanted) else [""]
    return len(wanted) == len(given) and all(one in ("*", other) for one, other in zip(wanted, given, strict=True))


def test_names_are_those_of_the_design() -> None:
    """Operators type them."""
    assert subjects.accepted(ID) == f"payments.accepted.{ID}"
    assert subjects.settled("default", ID) == f"settlements.settled.default.{ID}"
    assert subjects.refused("default", ID) == f"settlements.refused.default.{ID}"
    assert (subjects.CLEARED, subjects.LEDGER_SUMMARY) == ("settlements.cleared", "ledger.summary")


def test_every_payment_is_of_payments() -> None:
    """And no settlement is."""
    assert matches(subjects.PAYMENTS_ALL, subjects.accepted(ID))
    assert not matches(subjects.PAYMENTS_ALL, subjects.settled("default", ID))


@pytest.mark.parametrize("subject", [subjects.settled("a-1", ID), subjects.refused("b_2", ID), subjects.CLEARED])
def test_every_settlement_is_of_settlements(subject: str) -> None:
    """The clearing too, so that it has its place in the order."""
    assert matches(subjects.SETTLEMENTS_ALL, subject)
    assert not matches(subjects.PAYMENTS_ALL, subject)


def test_one_pattern_matches_all_settlements_of_a_payment() -> None:
    """And no other payment's, and no clearing."""
    pattern = subjects.any_settlement(ID)
    assert matches(pattern, subjects.settled("default", ID))
    assert matches(pattern, subjects.refused("fallback", ID))
    assert not matches(pattern, subjects.settled("default", ID[:-1] + "0"))
    assert not matches(pattern, subjects.CLEARED)
