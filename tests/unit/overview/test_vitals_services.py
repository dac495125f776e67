"""Services in the overview: pulses in, one document out. Unknown is None, and no rate is negative."""

from typing import Any

import orjson

from services.overview.core.vitals import FORGOTTEN_AFTER_S, INSTANCES_MAX, Backlog, Server
from tests.unit.overview.pulses import AGAIN, TOTALS, Watched, dispatcher, ingress, ledger


def states(document: dict[str, Any]) -> dict[str, str]:
    """Return the state of each instance."""
    return {one["instance"]: one["state"] for one in document["services"]}


def test_before_the_first_pulse_all_is_unknown_and_nothing_is_wrong() -> None:
    """For a page that has just opened no pulse is overdue."""
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


def test_the_document_has_the_agreed_fields() -> None:
    """The command line reads it too: it has exactly these names."""
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


def test_after_a_restart_no_rate_is_negative() -> None:
    """An earlier life's counts are not subtracted from the next one's."""
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
    """What took long before the window is not in it; answers other than 202 count too."""
    watched = Watched()
    watched.second(ingress(1, 900.0), ingress(0, instance="ingress-2"))
    document = watched.second(
        ingress(1, 900.0, *[2.0] * 99, replayed=99), ingress(0, 45.0, instance="ingress-2", replayed=1)
    )
    assert document["post"]["perS"] == 100.0
    assert 1.5 < document["post"]["p50Ms"] <= 2.0
    assert document["post"]["p99Ms"] <= 2.0
    assert document["payments"]["acceptedPerS"] == 0.0


def test_a_silent_instance_has_no_rate() -> None:
    """An instance that was killed under load does not seem to continue."""
    watched = Watched()
    watched.second(ingress(0), ingress(0, instance="ingress-2"), dispatcher(), ledger(TOTALS))
    watched.second(ingress(100), ingress(40, instance="ingress-2"), dispatcher(), ledger(TOTALS))
    document = watched.seconds(4, ingress(100), dispatcher(), ledger(TOTALS))
    assert states(document)["ingress-2"] == "silent"
    assert document["payments"]["acceptedPerS"] == 20.0
    assert document["troubles"] == ["ingress-2 has not reported for 4 s: the others continue"]
    back = watched.second(ingress(100), ingress(1, instance="ingress-2", started_at=AGAIN), dispatcher())
    assert (states(back)["ingress-2"], back["troubles"]) == ("up", [])


def test_each_of_several_servers_is_listed_and_a_missing_one_is_a_trouble() -> None:
    """The others continue: their pulses still come, and are shown."""
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
        "nats-2 has not reported for 0 s: the others continue",
        "nats-3 has not reported for 5 s: the others continue",
        "nats-4 has not reported: the others continue",
    ]
    assert document["payments"]["backlog"] == 7


def test_without_nats_there_is_one_trouble_and_the_backlog_is_unknown() -> None:
    """Without NATS no pulses come: naming each service would be noise."""
    watched = Watched()
    watched.second(ingress(0), dispatcher(), ledger(TOTALS), backlog=Backlog(3, 0.1, 9))
    document = watched.seconds(4, backlog=None)
    assert set(states(document).values()) == {"silent"}
    assert document["payments"]["backlog"] is None
    assert document["troubles"] == [
        "NATS has not reported for 4 s: no payment is accepted, and figures are no longer updated"
    ]
    back = watched.second(ingress(0), dispatcher(), ledger(TOTALS))
    assert (set(states(back).values()), back["troubles"]) == ({"up"}, [])


def test_a_service_without_any_pulse_is_missing_after_a_while() -> None:
    """A ledger that was never started is a problem too."""
    document = Watched().seconds(4, ingress(0), dispatcher())
    assert {"service": "ledger", "instance": "ledger", "state": "silent", "seenS": None, "startedAt": None} in document[
        "services"
    ]
    assert document["troubles"] == ["the ledger has not reported: totals are no longer updated"]


def test_an_instance_that_is_silent_for_long_is_dropped() -> None:
    """An instance whose name does not come back is not reported forever."""
    watched = Watched()
    watched.second(ingress(0, instance="gone"))
    watched.now_s += FORGOTTEN_AFTER_S
    assert list(states(watched.second(ingress(0), dispatcher(), ledger({})))) == [
        *("ingress-1", "dispatcher-1", "ledger", "nats")
    ]


def test_the_number_of_instances_has_a_bound() -> None:
    """A client that may publish pulses cannot fill the memory; the oldest instance is dropped."""
    watched = Watched()
    for number in range(INSTANCES_MAX + 10):
        watched.second(ingress(0, instance=f"i{number}"))
    known = [one["instance"] for one in watched.second()["services"] if one["service"] == "ingress"]
    assert len(known) == INSTANCES_MAX
    assert f"i{INSTANCES_MAX + 9}" in known
    assert "i0" not in known
