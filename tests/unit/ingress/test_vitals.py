"""The fold: pulses in, one document out. Unknown is None; no rate is negative; money is exact to the cent."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from services.contracts.processor import Processor
from services.contracts.pulse import ProcessorSeen
from services.contracts.roster import Pause
from services.contracts.summary import Totals
from services.overview.core.lately import LATELY_S
from services.overview.core.vitals import FORGOTTEN_AFTER_S, INSTANCES_MAX, Backlog, Server
from tests.unit.ingress.pulses import AGAIN, BEGAN, TOTALS, Watched, dispatcher, ingress, ledger


def states(document: dict[str, Any]) -> dict[str, str]:
    """Return how each instance is."""
    return {one["instance"]: one["state"] for one in document["services"]}


def test_before_anything_is_heard_all_is_unknown_and_nothing_is_wrong() -> None:
    """A page that has just opened has not missed anybody yet."""
    document = Watched().second(backlog=None)
    assert document["at"] == "2025-07-15T12:30:00.123Z"
    assert set(document["payments"].values()) == {None}
    assert set(document["post"].values()) == {None}
    assert set(document["totals"].values()) == {None}
    unknown = (
        "paused",
        "latencyMs",
        "inFlight",
        "leftBehind",
        *("settledPerS", "settled", "amount", "share", "feesPaid"),
    )
    known = {"name": "default", "fee": 0.05, "condition": "unknown"}
    assert document["processors"][0] == known | dict.fromkeys(unknown)
    assert (document["services"], document["troubles"]) == ([], [])


def test_the_document_is_the_one_that_was_agreed_on() -> None:
    """The command line reads it too: exactly these names."""
    document = Watched().seconds(2, ingress(1), dispatcher(), ledger(TOTALS))
    assert list(document) == [
        *("at", "window_s", "payments", "post", "processors", "totals", "services", "troubles"),
    ]
    assert set(document["payments"]) == {"acceptedPerS", "settledPerS", "accepted", "backlog", "oldestWaitS"}
    assert set(document["post"]) == {"perS", "p50Ms", "p99Ms"}
    assert set(document["processors"][0]) == {
        *("name", "fee", "condition", "paused", "latencyMs", "inFlight", "leftBehind"),
        *("settled", "amount", "share", "feesPaid", "settledPerS"),
    }
    assert set(document["totals"]) == {"settled", "amount", "feesPaid", "saved"}
    assert set(document["services"][0]) == {"service", "instance", "state", "seenS", "startedAt"}
    assert orjson.loads(orjson.dumps(document)) == document


def test_rates_are_those_of_all_instances_together() -> None:
    """Two ingress instances and two dispatchers share the work."""
    watched = Watched()
    watched.second(ingress(10), ingress(0, instance="ingress-2"), dispatcher({"default": 5}))
    document = watched.second(
        *(ingress(14), ingress(3, instance="ingress-2")),
        *(dispatcher({"default": 11, "fallback": 2}), dispatcher({"default": 1_000}, instance="dispatcher-2")),
    )
    assert document["payments"]["acceptedPerS"] == 7.0
    assert document["payments"]["settledPerS"] == 8.0
    assert [one["settledPerS"] for one in document["processors"]] == [6.0, 2.0]


def test_all_that_was_ever_accepted_is_what_the_stream_has_stored() -> None:
    """However often instances were started again since; unknown while NATS does not say."""
    watched = Watched()
    document = watched.second(ingress(2), ledger(TOTALS), backlog=Backlog(3, 0.1, 4_711))
    assert document["payments"]["accepted"] == 4_711
    assert watched.seconds(4, ingress(2), ledger(TOTALS), backlog=None)["payments"]["accepted"] is None


def test_a_restart_begins_anew_and_is_never_negative() -> None:
    """The counts of the life before are not subtracted from those of the next."""
    watched = Watched()
    watched.second(ingress(1_000, *[5.0] * 1_000))
    watched.second(ingress(1_100, *[5.0] * 1_100))
    first = watched.second(ingress(2, 1.0, 1.0, started_at=AGAIN))
    assert (first["payments"]["acceptedPerS"], first["post"]["p50Ms"]) == (None, None)
    second = watched.second(ingress(5, *[1.0] * 5, started_at=AGAIN))
    assert second["payments"]["acceptedPerS"] == 3.0
    assert second["post"] == {"perS": 3.0, "p50Ms": 0.8, "p99Ms": 1.0}
    assert [one["startedAt"] for one in second["services"] if one["service"] == "ingress"] == [
        "2025-07-15T12:05:00.000Z"
    ]


def test_quantiles_are_of_the_window_and_of_all_instances() -> None:
    """What took long before the window, or was answered otherwise than 202, is counted as it was."""
    watched = Watched()
    watched.second(ingress(1, 900.0), ingress(0, instance="ingress-2"))
    document = watched.second(
        ingress(1, 900.0, *[2.0] * 99, replayed=99), ingress(0, 45.0, instance="ingress-2", replayed=1)
    )
    assert document["post"]["perS"] == 100.0
    assert 1.5 < document["post"]["p50Ms"] <= 2.0
    assert document["post"]["p99Ms"] <= 2.0
    assert document["payments"]["acceptedPerS"] == 0.0


def test_who_is_silent_has_no_rate() -> None:
    """An instance that was killed under load does not go on accepting in the figures."""
    watched = Watched()
    watched.second(ingress(0), ingress(0, instance="ingress-2"), dispatcher(), ledger(TOTALS))
    watched.second(ingress(100), ingress(40, instance="ingress-2"), dispatcher(), ledger(TOTALS))
    document = watched.seconds(4, ingress(100), dispatcher(), ledger(TOTALS))
    assert states(document)["ingress-2"] == "silent"
    assert document["payments"]["acceptedPerS"] == 20.0
    assert document["troubles"] == ["ingress-2 has not been heard of for 4 s: the others go on"]
    back = watched.second(ingress(100), ingress(1, instance="ingress-2", started_at=AGAIN), dispatcher())
    assert (states(back)["ingress-2"], back["troubles"]) == ("up", [])


def test_totals_stay_while_the_ledger_is_away_and_that_is_said() -> None:
    """They were true then; a zero never was."""
    watched = Watched()
    before = watched.second(ingress(0), dispatcher(), ledger(TOTALS))
    document = watched.seconds(5, ingress(0), dispatcher())
    assert document["totals"] == before["totals"]
    assert document["troubles"] == ["the ledger has not been heard of for 5 s: totals are those of then"]


def test_a_book_that_is_not_whole_changes_no_total() -> None:
    """A ledger that was started again reads for a while."""
    watched = Watched()
    before = watched.second(ingress(0), dispatcher(), ledger(TOTALS))
    document = watched.second(ingress(0), dispatcher(), ledger(None))
    assert document["totals"] == before["totals"]
    assert document["troubles"] == ["the ledger is reading what was settled: totals are those of before"]


def test_a_dispatcher_that_is_away_leaves_conditions_unknown() -> None:
    """The backlog is the stream's own and goes on growing."""
    watched = Watched()
    watched.second(ingress(0), dispatcher(), ledger(TOTALS))
    document = watched.seconds(4, ingress(0), ledger(TOTALS), backlog=Backlog(7, 4.04, 9))
    assert [one["condition"] for one in document["processors"]] == ["unknown", "unknown"]
    assert document["payments"]["settledPerS"] is None
    assert (document["payments"]["backlog"], document["payments"]["oldestWaitS"]) == (7, 4.0)
    assert document["troubles"] == ["dispatcher-1 has not been heard of for 4 s: payments are accepted and wait"]


def test_each_of_several_servers_is_there_and_one_that_is_not_is_a_trouble() -> None:
    """The others go on: what is heard by them is heard, and shown."""
    watched = Watched()
    servers = (
        Server("nats-1", 0.0, is_up=True),
        Server("nats-2", 0.4, is_up=False),
        Server("nats-3", 5.2, is_up=False),
        Server("nats-4", None, is_up=False),
    )
    document = watched.seconds(4, ingress(0), dispatcher(), ledger(TOTALS), backlog=Backlog(7, 4.04, 9, servers))
    shown = [(one["instance"], one["state"]) for one in document["services"] if one["service"] == "nats"]
    assert shown == [("nats-1", "up"), ("nats-2", "silent"), ("nats-3", "silent"), ("nats-4", "silent")]
    assert document["troubles"] == [
        "nats-2 has not been heard of for 0 s: the others go on",
        "nats-3 has not been heard of for 5 s: the others go on",
        "nats-4 has not been heard of: the others go on",
    ]
    assert document["payments"]["backlog"] == 7


def test_without_nats_that_is_the_only_trouble_and_the_backlog_is_unknown() -> None:
    """Nobody can be heard of then: naming each would be noise."""
    watched = Watched()
    watched.second(ingress(0), dispatcher(), ledger(TOTALS), backlog=Backlog(3, 0.1, 9))
    document = watched.seconds(4, backlog=None)
    assert set(states(document).values()) == {"silent"}
    assert document["payments"]["backlog"] is None
    assert document["troubles"] == [
        "NATS has not been heard of for 4 s: nothing is accepted, and what is shown is of then"
    ]
    back = watched.second(ingress(0), dispatcher(), ledger(TOTALS))
    assert (set(states(back).values()), back["troubles"]) == ({"up"}, [])


def test_who_was_never_heard_of_is_missed_after_a_while() -> None:
    """A ledger that was never started is a trouble too."""
    document = Watched().seconds(4, ingress(0), dispatcher())
    assert {"service": "ledger", "instance": "ledger", "state": "silent", "seenS": None, "startedAt": None} in document[
        "services"
    ]
    assert document["troubles"] == ["the ledger has not been heard of: totals are those of then"]


def test_money_is_exact_and_saved_is_against_the_dearest() -> None:
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


def test_nothing_settled_is_zero_money_and_no_share() -> None:
    """There is no share of nothing."""
    document = Watched().second(ledger({}))
    assert document["totals"] == {"settled": 0, "amount": 0.0, "feesPaid": 0.0, "saved": 0.0}
    assert [one["share"] for one in document["processors"]] == [None, None]


def test_of_several_dispatchers_the_worst_view_is_shown() -> None:
    """In flight adds up; one that believes in a failure may know it first."""
    watched = Watched()
    one = {"default": ProcessorSeen("serving", 5.0, 3, 0), "fallback": ProcessorSeen("serving", 7.04, 1, 0)}
    other = {"default": ProcessorSeen("failing", 900.0, 4, 2), "fallback": ProcessorSeen("serving", None, 1, 0)}
    document = watched.seconds(
        2, ingress(0), dispatcher(seen=one), dispatcher(seen=other, instance="dispatcher-2"), ledger({})
    )
    shown = [(one["condition"], one["latencyMs"], one["inFlight"]) for one in document["processors"]]
    assert shown == [("failing", 900.0, 7), ("serving", 7.0, 2)]
    assert document["troubles"] == ["default is failing: others settle what is due"]


def test_with_no_processor_serving_payments_wait() -> None:
    """Both fail: nothing settles, nothing is lost."""
    failing = dict.fromkeys(("default", "fallback"), ProcessorSeen("failing", None, 0, 0))
    document = Watched().seconds(2, ingress(0), dispatcher(seen=failing), ledger({}))
    assert document["troubles"] == ["default and fallback are failing: payments wait"]


MEANS = "nothing new goes there; what is assigned there is still settled there"
PAUSE = Pause("the-desk", "their maintenance", BEGAN)


def test_paused_is_another_thing_than_failing() -> None:
    """Shown beside what is believed of it, with who did it and why."""
    seen = {"default": ProcessorSeen("serving", 5.0, 3, 0, PAUSE), "fallback": ProcessorSeen("failing", None, 0, 0)}
    document = Watched().seconds(2, ingress(0), dispatcher(seen=seen), ledger({}))
    default, fallback = document["processors"]
    told = {"by": "the-desk", "reason": "their maintenance", "since": "2025-07-15T12:00:00Z"}
    assert (default["condition"], default["paused"]) == ("serving", told)
    assert (fallback["condition"], fallback["paused"]) == ("failing", None)
    assert document["troubles"] == [
        "fallback is failing: payments wait",
        f"default is paused by the-desk (their maintenance): {MEANS}",
    ]


def test_while_all_are_paused_the_page_says_that_payments_wait() -> None:
    """They are accepted all the same."""
    seen = dict.fromkeys(("default", "fallback"), ProcessorSeen("serving", None, 0, 0, PAUSE))
    troubles = Watched().seconds(2, ingress(0), dispatcher(seen=seen), ledger({}))["troubles"]
    assert troubles[0] == "default and fallback are paused, and no other is left: payments are accepted and wait"
    assert len(troubles) == 3


def test_contradictions_in_the_ledger_are_for_a_person_to_know() -> None:
    """Perhaps somebody was charged twice."""
    document = Watched().seconds(2, ingress(0), dispatcher(), ledger({}, conflicts=2, unreadable=1))
    assert document["troubles"] == [
        "settlements that contradict others: 2; run the audit",
        "messages in SETTLEMENTS that cannot be read: 1; see the ledger's log",
    ]


@pytest.mark.parametrize(
    ("totals", "meaning"), [({}, "totals are right, from what was counted before"), (None, "there are no totals")]
)
def test_damage_in_settlements_is_for_a_person_to_know(totals: dict[str, Totals] | None, meaning: str) -> None:
    """What it is, and whether totals can be trusted; that the ledger reads is then no news."""
    hurt = replace(ledger(totals), damage="3 of its messages are missing")
    document = Watched().seconds(2, ingress(0), dispatcher(), hurt)
    said = f"SETTLEMENTS is damaged: 3 of its messages are missing; {meaning}. See docs/guarantees.md"
    assert document["troubles"] == [said]


def test_a_processor_that_is_not_configured_any_more_does_not_vanish() -> None:
    """What was charged there counts; what it took of it is not known, and so neither is what that makes in all."""
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


def test_of_nothing_charged_any_fee_is_nothing() -> None:
    """A book that was cleared may still know the name."""
    document = Watched().second(ledger(TOTALS | {"gone": Totals(0, 0)}))
    assert document["processors"][2]["feesPaid"] == 0.0
    assert document["totals"] == {"settled": 110, "amount": 2189.0, "feesPaid": 129.35, "saved": 199.0}


def test_what_is_settled_counts_wherever_it_is() -> None:
    """A dispatcher may have a processor that this ingress was not told of."""
    watched = Watched()
    watched.second(dispatcher({"new": 5}))
    seen = {"new": ProcessorSeen("serving", 5.0, 1, 0)}
    document = watched.second(dispatcher({"new": 8}, seen=seen), ledger({"new": Totals(8, 800)}))
    assert document["payments"]["settledPerS"] == 3.0
    new = document["processors"][2]
    assert (new["condition"], new["latencyMs"], new["inFlight"], new["settledPerS"]) == ("serving", 5.0, 1, 3.0)


WORDS = {
    "unreadable": "look at each (nats stream get PAYMENTS SEQ), and remove what is no payment (nats stream rmm",
    "assigned_elsewhere": "a processor whose URL is not known any more, and wait",
    "refused_in_doubt": "refused by the processor that may have charged them before, and wait there in doubt",
}


@pytest.mark.parametrize("what", WORDS)
def test_what_a_dispatcher_meets_again_and_again_is_for_a_person_to_end(what: str) -> None:
    """A trouble as long as it goes on: such a payment comes again within a minute, and its log names it."""
    watched = Watched()
    watched.second(ingress(0), dispatcher(**{what: 0}), ledger({}))
    (trouble,) = watched.second(ingress(0), dispatcher(**{what: 1}), ledger({}))["troubles"]
    assert WORDS[what] in trouble
    assert f"payment.{what}" in trouble
    others = (ingress(0), ledger({}))
    assert watched.seconds(int(LATELY_S), *others, dispatcher(**{what: 1}))["troubles"] == [trouble]
    assert watched.second(*others, dispatcher(**{what: 1}))["troubles"] == []
    assert watched.second(*others, dispatcher(**{what: 2}))["troubles"] == [trouble]


def test_a_page_that_has_just_opened_says_what_was_counted_before() -> None:
    """Of a first pulse nobody knows how old its counts are; of the next life's first one neither."""
    watched = Watched()
    others = (ingress(0), ledger({}))
    assert len(watched.second(*others, dispatcher(unreadable=7))["troubles"]) == 1
    assert watched.seconds(int(LATELY_S) + 1, *others, dispatcher(unreadable=7))["troubles"] == []
    assert len(watched.second(*others, dispatcher(unreadable=1, started_at=AGAIN))["troubles"]) == 1


def test_what_is_assigned_where_nobody_charges_any_more_is_listed_and_a_trouble() -> None:
    """Settlements at a processor that was taken out are history; payments that wait for it are not."""
    watched = Watched()
    others = (ingress(0), ledger({"gone": Totals(100, 199_000), "default": Totals(1, 1)}))
    assert watched.second(*others, dispatcher())["troubles"] == []
    left = {"default/1": 2, "other/1": 20}
    two = dispatcher(left_behind=left), dispatcher(instance="dispatcher-2", left_behind=left | {"other/1": 19})
    document = watched.second(*others, *two)
    of_default, of_other = document["troubles"]
    assert "assigned to default/1, which charges no more (another URL, or not configured): 2;" in of_default
    assert "assigned to other/1, which charges no more (another URL, or not configured): 20;" in of_other
    assert "audit and release them" in of_other
    listed = {one["name"]: (one["fee"], one["leftBehind"], one["settled"]) for one in document["processors"]}
    assert listed == {"default": (0.05, 2, 1), "fallback": (0.15, 0, 0), "gone": (None, 0, 100), "other": (None, 20, 0)}
    watched.seconds(9, *others)
    assert {one["leftBehind"] for one in watched.second(*others)["processors"]} == {None}


def test_who_is_silent_for_long_is_forgotten() -> None:
    """An instance under a name that does not come back is not missed for ever."""
    watched = Watched()
    watched.second(ingress(0, instance="gone"))
    watched.now_s += FORGOTTEN_AFTER_S
    assert list(states(watched.second(ingress(0), dispatcher(), ledger({})))) == [
        *("ingress-1", "dispatcher-1", "ledger", "nats")
    ]


def test_names_have_a_bound() -> None:
    """Whoever may publish pulses cannot have them all remembered; the one heard longest ago goes."""
    watched = Watched()
    for number in range(INSTANCES_MAX + 10):
        watched.second(ingress(0, instance=f"i{number}"))
    known = [one["instance"] for one in watched.second()["services"] if one["service"] == "ingress"]
    assert len(known) == INSTANCES_MAX
    assert f"i{INSTANCES_MAX + 9}" in known
    assert "i0" not in known
