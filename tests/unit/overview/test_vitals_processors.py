"""Processors in the overview: conditions, pauses, rates, and what waits for them."""

import pytest

from services.contracts.processor_entry import Pause
from services.contracts.pulse import ProcessorSeen
from services.contracts.summary import Totals
from services.overview.core.recent_events import RECENT_S
from services.overview.core.vitals import Backlog
from tests.unit.overview.pulses import BEGAN, TOTALS, Watched, dispatcher, ingress, ledger


def test_a_dispatcher_that_is_away_leaves_conditions_unknown() -> None:
    """The backlog comes from the stream and continues to grow."""
    watched = Watched()
    watched.second(ingress(0), dispatcher(), ledger(TOTALS))
    document = watched.seconds(4, ingress(0), ledger(TOTALS), backlog=Backlog(7, 4.04, 9))
    assert [one["condition"] for one in document["processors"]] == ["unknown", "unknown"]
    assert document["payments"]["settledPerS"] is None
    assert (document["payments"]["backlog"], document["payments"]["oldestWaitS"]) == (7, 4.0)
    assert document["troubles"] == ["dispatcher-1 has not reported for 4 s: payments are accepted and wait"]


def test_of_several_dispatchers_the_worst_view_is_shown() -> None:
    """In flight adds up; the one that reports a failure may know it first."""
    watched = Watched()
    one = {"default": ProcessorSeen("serving", 5.0, 3, 0), "fallback": ProcessorSeen("serving", 7.04, 1, 0)}
    other = {"default": ProcessorSeen("failing", 900.0, 4, 2), "fallback": ProcessorSeen("serving", None, 1, 0)}
    document = watched.seconds(
        2, ingress(0), dispatcher(seen=one), dispatcher(seen=other, instance="dispatcher-2"), ledger({})
    )
    shown = [(one["condition"], one["latencyMs"], one["inFlight"]) for one in document["processors"]]
    assert shown == [("failing", 900.0, 7), ("serving", 7.0, 2)]
    assert document["troubles"] == ["default is failing: payments are settled at others"]


def test_with_no_processor_serving_payments_wait() -> None:
    """Both fail: nothing settles, nothing is lost."""
    failing = dict.fromkeys(("default", "fallback"), ProcessorSeen("failing", None, 0, 0))
    document = Watched().seconds(2, ingress(0), dispatcher(seen=failing), ledger({}))
    assert document["troubles"] == ["default and fallback are failing: payments wait"]


MEANS = "no new payments are sent there; payments assigned there are still settled there"
PAUSE = Pause("the-desk", "their maintenance", BEGAN)


def test_paused_is_shown_as_paused_and_not_as_failing() -> None:
    """Beside its condition, with who did it and why."""
    seen = {"default": ProcessorSeen("serving", 5.0, 3, 0, PAUSE), "fallback": ProcessorSeen("failing", None, 0, 0)}
    document = Watched().seconds(2, ingress(0), dispatcher(seen=seen), ledger({}))
    default, fallback = document["processors"]
    pause = {"by": "the-desk", "reason": "their maintenance", "since": "2025-07-15T12:00:00Z"}
    assert (default["condition"], default["paused"]) == ("serving", pause)
    assert (fallback["condition"], fallback["paused"]) == ("failing", None)
    assert document["troubles"] == [
        "fallback is failing: payments wait",
        f"default is paused by the-desk (their maintenance): {MEANS}",
    ]


def test_while_all_are_paused_the_page_shows_that_payments_wait() -> None:
    """They are still accepted."""
    seen = dict.fromkeys(("default", "fallback"), ProcessorSeen("serving", None, 0, 0, PAUSE))
    troubles = Watched().seconds(2, ingress(0), dispatcher(seen=seen), ledger({}))["troubles"]
    waits = "and no other processor is left: payments are accepted and wait"
    assert troubles[0] == f"default and fallback are paused, {waits}"
    assert len(troubles) == 3


def test_a_processor_that_is_no_longer_configured_stays_listed() -> None:
    """What was charged there counts; its fees are not known, and so neither is their total."""
    totals = TOTALS | {"gone": Totals(90, 100_000)}
    document = Watched().seconds(2, ingress(0), dispatcher({"gone": 3}), ledger(totals))
    unknown = dict.fromkeys(("fee", "latencyMs", "inFlight", "feesPaid", "paused"))
    known = {
        "name": "gone",
        "condition": "unknown",
        "leftBehind": 0,
        "settled": 90,
        "amount": 1000.0,
        "share": 0.45,
        "settledPerS": 0.0,
    }
    assert document["processors"][2] == unknown | known
    assert [one["share"] for one in document["processors"]] == [0.5, 0.05, 0.45]
    assert document["totals"] == {"settled": 200, "amount": 3189.0, "feesPaid": None, "saved": None}
    assert document["troubles"] == []


def test_a_settlement_counts_at_any_processor() -> None:
    """A dispatcher may have a processor that is not in this ingress's settings."""
    watched = Watched()
    watched.second(dispatcher({"new": 5}))
    seen = {"new": ProcessorSeen("serving", 5.0, 1, 0)}
    document = watched.second(dispatcher({"new": 8}, seen=seen), ledger({"new": Totals(8, 800)}))
    assert document["payments"]["settledPerS"] == 3.0
    new = document["processors"][2]
    assert (new["condition"], new["latencyMs"], new["inFlight"], new["settledPerS"]) == ("serving", 5.0, 1, 3.0)


WORDS = {
    "unreadable": "look at each (nats stream get PAYMENTS SEQ), and remove what is not a payment (nats stream rmm",
    "assigned_elsewhere": "a processor whose URL is no longer known, and wait",
    "refused_in_doubt": "payments in doubt are refused by the processor that may have charged them",
}


@pytest.mark.parametrize("what", WORDS)
def test_what_only_an_operator_can_end_is_shown_with_instructions(what: str) -> None:
    """As long as it lasts: such a payment is redelivered within a minute, and its log names it."""
    watched = Watched()
    watched.second(ingress(0), dispatcher(**{what: 0}), ledger({}))
    (trouble,) = watched.second(ingress(0), dispatcher(**{what: 1}), ledger({}))["troubles"]
    assert WORDS[what] in trouble
    assert f"payment.{what}" in trouble
    others = (ingress(0), ledger({}))
    assert watched.seconds(int(RECENT_S), *others, dispatcher(**{what: 1}))["troubles"] == [trouble]
    assert watched.second(*others, dispatcher(**{what: 1}))["troubles"] == []
    assert watched.second(*others, dispatcher(**{what: 2}))["troubles"] == [trouble]


def test_what_is_assigned_to_a_removed_processor_is_listed_and_a_trouble() -> None:
    """Settlements at a removed processor are history; payments that wait for it are not."""
    watched = Watched()
    others = (ingress(0), ledger({"gone": Totals(100, 199_000), "default": Totals(1, 1)}))
    assert watched.second(*others, dispatcher())["troubles"] == []
    left = {"default/1": 2, "other/1": 20}
    two = dispatcher(left_behind=left), dispatcher(instance="dispatcher-2", left_behind=left | {"other/1": 19})
    document = watched.second(*others, *two)
    of_default, of_other = document["troubles"]
    assert "assigned to default/1, whose URL was changed or removed: 2;" in of_default
    assert "assigned to other/1, whose URL was changed or removed: 20;" in of_other
    assert "audit and release them" in of_other
    listed = {one["name"]: (one["fee"], one["leftBehind"], one["settled"]) for one in document["processors"]}
    assert listed == {"default": (0.05, 2, 1), "fallback": (0.15, 0, 0), "gone": (None, 0, 100), "other": (None, 20, 0)}
    watched.seconds(9, *others)
    assert {one["leftBehind"] for one in watched.second(*others)["processors"]} == {None}
