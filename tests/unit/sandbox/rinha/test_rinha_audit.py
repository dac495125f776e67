"""Offers compared with charges, id by id."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox.charges import Charge
from sandbox.rinha.audit import EXAMPLES_MAX, Audit, audit
from sandbox.rinha.load_journal import PostedPayment

ACCEPTED, REFUSED, UNANSWERED = 202, 503, 0


def post(name: str, status: int = ACCEPTED) -> PostedPayment:
    """Record an offer that was answered with this status."""
    return PostedPayment(name, 0, status, 1.0)


def charge(name: str, processor: str = "default", cents: int = 1990) -> Charge:
    """Book a payment."""
    return Charge(processor, name, cents, 0)


def findings(posts: list[PostedPayment], charges: list[Charge]) -> Audit:
    """Audit payments of 19.90."""
    return audit(posts, charges, 1990)


def test_no_finding_if_each_payment_is_charged_once() -> None:
    """Every accepted payment is charged once, at either processor."""
    result = findings([post("a"), post("b")], [charge("a"), charge("b", "fallback")])
    assert (result.double_charges, result.lost, result.charged_wrong) == (0, 0, 0)
    assert result.charged == {"default": 1, "fallback": 1}
    assert result.examples == {}


def test_a_payment_charged_at_both_processors_is_a_double_charge() -> None:
    """No processor can see it alone; the union of their books shows it."""
    result = findings([post("a")], [charge("a"), charge("a", "fallback")])
    assert result.double_charges == 1
    assert result.examples == {"charged_again": ["a"]}


def test_a_loss_and_a_double_charge_do_not_cancel_out() -> None:
    """The counts agree, two accepted and two charged, but both are found."""
    result = findings([post("a"), post("b")], [charge("a"), charge("a", "fallback")])
    assert (result.lost, result.double_charges) == (1, 1)


def test_a_charge_of_an_unknown_id_is_a_double_charge() -> None:
    """An id that no client sent is money taken for nothing."""
    result = findings([], [charge("x")])
    assert (result.charged_unasked, result.double_charges) == (1, 1)


def test_a_payment_in_doubt_may_be_charged_once() -> None:
    """Without an answer it may or may not be stored: charged or not, it is neither lost nor doubled."""
    result = findings([post("a", UNANSWERED), post("b", UNANSWERED)], [charge("a")])
    assert (result.in_doubt, result.charged_in_doubt) == (2, 1)
    assert (result.lost, result.double_charges) == (0, 0)


def test_a_payment_answered_with_an_error_and_charged_is_reported() -> None:
    """It is not a double charge, but it is shown."""
    result = findings([post("a", REFUSED)], [charge("a")])
    assert (result.charged_failed, result.in_doubt, result.double_charges) == (1, 0, 0)


def test_another_amount_than_offered_is_found() -> None:
    """A difference of one cent is a wrong charge."""
    assert findings([post("a")], [charge("a", cents=1991)]).charged_wrong == 1


def test_the_case_of_an_id_does_not_matter() -> None:
    """Two spellings of one id are one payment."""
    result = findings([post("AB")], [charge("ab"), charge("Ab", "fallback")])
    assert (result.lost, result.double_charges) == (0, 1)


def test_the_number_of_named_examples_has_a_limit() -> None:
    """The report of a run that lost everything is still readable."""
    result = findings([post(str(number)) for number in range(EXAMPLES_MAX + 5)], [])
    assert result.lost == EXAMPLES_MAX + 5
    assert len(result.examples["lost"]) == EXAMPLES_MAX


@given(
    st.dictionaries(st.integers(0, 30), st.sampled_from([ACCEPTED, REFUSED, UNANSWERED])),
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["default", "fallback"]))),
)
def test_every_charge_is_accounted_for(offered: dict[int, int], booked: list[tuple[int, str]]) -> None:
    """Each charge is the owed one, a repeated one or an unasked one: none is left out or counted twice."""
    posts = [post(str(number), status) for number, status in offered.items()]
    result = findings(posts, [charge(str(number), name) for number, name in booked])
    owed = sum(one.is_accepted for one in posts) - result.lost + result.charged_in_doubt + result.charged_failed
    assert owed + result.double_charges == len(booked) == sum(result.charged.values())
