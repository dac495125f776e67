"""Counts and money of the overview: exact to the cent; unknown is None."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.contracts.processor import Processor
from services.contracts.summary import Totals
from services.overview.core.recent_events import RECENT_S
from services.overview.core.vitals import Backlog
from tests.unit.overview.pulses import AGAIN, TOTALS, Watched, dispatcher, ingress, ledger


def test_accepted_is_what_the_stream_has_ever_stored() -> None:
    """However often instances have restarted; unknown while NATS does not answer."""
    watched = Watched()
    document = watched.second(ingress(2), ledger(TOTALS), backlog=Backlog(3, 0.1, 4_711))
    assert document["payments"]["accepted"] == 4_711
    assert watched.seconds(4, ingress(2), ledger(TOTALS), backlog=None)["payments"]["accepted"] is None


def test_totals_stay_while_the_ledger_is_away_and_that_is_shown() -> None:
    """They were true then; zero would be wrong."""
    watched = Watched()
    before = watched.second(ingress(0), dispatcher(), ledger(TOTALS))
    document = watched.seconds(5, ingress(0), dispatcher())
    assert document["totals"] == before["totals"]
    assert document["troubles"] == ["the ledger has not reported for 5 s: totals are no longer updated"]


def test_an_incomplete_book_changes_no_total() -> None:
    """A ledger that has restarted reads for a while."""
    watched = Watched()
    before = watched.second(ingress(0), dispatcher(), ledger(TOTALS))
    document = watched.second(ingress(0), dispatcher(), ledger(None))
    assert document["totals"] == before["totals"]
    assert document["troubles"] == ["the ledger is still reading SETTLEMENTS: totals are from before"]


def test_money_is_exact_and_saved_is_against_the_most_expensive() -> None:
    """2,189.00 at 15 % would be 328.35; 99.50 and 29.85 were paid."""
    document = Watched().second(ledger(TOTALS))
    assert document["totals"] == {"settled": 110, "amount": 2189.0, "feesPaid": 129.35, "saved": 199.0}
    assert [(one["amount"], one["feesPaid"], one["share"]) for one in document["processors"]] == [
        (1990.0, 99.5, 0.9091),
        (199.0, 29.85, 0.0909),
    ]


def test_money_is_never_a_sum_of_floats() -> None:
    """Ten million payments of a cent under a fee that no double can hold."""
    processors = (Processor("a", "http://a", Decimal("0.1")), Processor("b", "http://b", Decimal("0.3")))
    watched = Watched(processors)
    document = watched.second(ledger({"a": Totals(10**7, 10**7 + 1), "b": Totals(1, 3)}))
    assert document["totals"] == {"settled": 10**7 + 1, "amount": 100000.04, "feesPaid": 10000.01, "saved": 20000.0}


def test_what_was_saved_is_rounded_once() -> None:
    """Of 59.70, 2.985 were paid and 8.955 would have been: 5.97 less, although the rounded ones are 5.98 apart."""
    document = Watched().second(ledger({"default": Totals(3, 5970)}))
    assert document["totals"] == {"settled": 3, "amount": 59.7, "feesPaid": 2.98, "saved": 5.97}


def test_fees_in_total_are_rounded_once() -> None:
    """0.4 and 0.3 cents are one cent, although each of them is none."""
    document = Watched().second(ledger({"default": Totals(1, 8), "fallback": Totals(1, 2)}))
    assert [one["feesPaid"] for one in document["processors"]] == [0.0, 0.0]
    assert document["totals"] == {"settled": 2, "amount": 0.1, "feesPaid": 0.01, "saved": 0.01}


def test_nothing_settled_is_zero_money_and_no_share() -> None:
    """There is no share of nothing."""
    document = Watched().second(ledger({}))
    assert document["totals"] == {"settled": 0, "amount": 0.0, "feesPaid": 0.0, "saved": 0.0}
    assert [one["share"] for one in document["processors"]] == [None, None]


def test_contradictions_in_the_ledger_are_shown_to_the_operator() -> None:
    """A client may have been charged twice."""
    document = Watched().seconds(2, ingress(0), dispatcher(), ledger({}, conflicts=2, unreadable=1))
    assert document["troubles"] == [
        "settlements that contradict others: 2; run the audit",
        "messages in SETTLEMENTS that cannot be read: 1; see the ledger's log",
    ]


@pytest.mark.parametrize(
    ("totals", "meaning"), [({}, "totals are correct, as counted before the damage"), (None, "there are no totals")]
)
def test_damage_in_settlements_is_shown_to_the_operator(totals: dict[str, Totals] | None, meaning: str) -> None:
    """What it is, and whether totals can be trusted; that the ledger reads is then not mentioned."""
    hurt = replace(ledger(totals), damage="3 of its messages are missing")
    document = Watched().seconds(2, ingress(0), dispatcher(), hurt)
    said = f"SETTLEMENTS is damaged: 3 of its messages are missing; {meaning}. See docs/guarantees.md"
    assert document["troubles"] == [said]


def test_without_charges_any_fee_is_zero() -> None:
    """A book that was cleared may still have the name."""
    document = Watched().second(ledger(TOTALS | {"gone": Totals(0, 0)}))
    assert document["processors"][2]["feesPaid"] == 0.0
    assert document["totals"] == {"settled": 110, "amount": 2189.0, "feesPaid": 129.35, "saved": 199.0}


def test_a_page_that_has_just_opened_shows_what_was_counted_before() -> None:
    """How old the counts of a first pulse are is not known; the same holds for the next life's first one."""
    watched = Watched()
    others = (ingress(0), ledger({}))
    assert len(watched.second(*others, dispatcher(unreadable=7))["troubles"]) == 1
    assert watched.seconds(int(RECENT_S) + 1, *others, dispatcher(unreadable=7))["troubles"] == []
    assert len(watched.second(*others, dispatcher(unreadable=1, started_at=AGAIN))["troubles"]) == 1
