"""The table of core/condition.py, row by row, and that the order of sending decides."""

from dataclasses import dataclass
from typing import Literal

import pytest

from services.dispatcher.core.condition import CANARIES_MAX, CANARY_EVERY_MS, Evidence, Health

NOW = 100_000.0


@dataclass(frozen=True)
class Call:
    """One call: sent and ended on the clock of the calls; if ``ended`` is None it is still under way."""

    sent: float
    ended: float | None = None
    how: Literal["answered", "failed", "misconfigured", "withdrawn"] = "answered"


def answered(sent: float, ended: float) -> Call:
    """Return a call that was booked."""
    return Call(sent, ended)


def failed(sent: float, ended: float) -> Call:
    """Return a call that failed."""
    return Call(sent, ended, "failed")


def evidence(*happened: Call | Health) -> Evidence:
    """Return the evidence after all that happened, added in the order in which it would have arrived."""
    known, tokens = Evidence(), dict[Call, int]()
    steps: list[tuple[float, int, Call | Health]] = []
    for one in happened:
        steps.append((one.sent if isinstance(one, Call) else one.sent_ms, 0, one))
        if isinstance(one, Call) and one.ended is not None:
            steps.append((one.ended, 1, one))
    for at, is_end, one in sorted(steps, key=lambda step: step[:2]):
        match one:
            case Health():
                known.add_health(one)
            case Call(how=how) if not is_end:
                tokens[one] = known.sent(at)
            case Call(how="answered"):
                known.answered(tokens[one], at)
            case Call(how="withdrawn"):
                known.withdrawn(tokens[one])
            case Call(how=how):
                known.failed(tokens[one], at, at_once=how == "misconfigured")
    return known


T = NOW - 1_000
FAILED: list[Call | Health] = [failed(T + n, T + n + 10) for n in range(3)]

TABLE: list[tuple[str, list[Call | Health], str, float | None]] = [
    ("nothing is known", [], "serving", None),
    ("one was booked", [answered(T, T + 40)], "serving", 40),
    ("one failure", [answered(T, T + 40), failed(T + 1, T + 50)], "serving", 40),
    ("two failures in a row", [answered(T, T + 40), failed(T + 1, T + 50), failed(T + 2, T + 50)], "serving", 40),
    ("three failures in a row", FAILED, "failing", None),
    ("two failures, a booking, a failure", [*FAILED[:2], answered(T + 5, T + 30), failed(T + 40, T + 50)],
     "serving", 25),
    ("one answer of a misconfigured processor", [Call(T, T + 10, "misconfigured")], "failing", None),
    ("a booking after it closed", [*FAILED, answered(T + 100, T + 120)], "serving", 20),
    ("a booking sent before it closed, arriving late", [answered(T - 500, T + 500), *FAILED], "failing", 1_000),
    ("late failures of calls older than a booking", [*(failed(T - n, T + 90) for n in (1, 2, 3)), answered(T, T + 40)],
     "serving", 40),
    ("health says failing", [Health(T, failing=True, min_response_ms=5)], "failing", 5),
    ("health said failing, then one was booked", [Health(T, failing=True, min_response_ms=5), answered(T + 1, T + 31)],
     "serving", 30),
    ("one was booked, then health said failing", [answered(T - 1, T + 31), Health(T, failing=True, min_response_ms=5)],
     "failing", 5),
    ("health says well, while failing", [*FAILED, Health(T + 100, failing=False, min_response_ms=5)], "failing", 5),
    ("health says well, and the failures are old",
     [*(failed(NOW - 12_100 + n, NOW - 12_050 + n) for n in range(3)), Health(T, failing=False, min_response_ms=5)],
     "serving", 5),
    ("the failures are old, and health says nothing", [failed(NOW - 20_000 + n, NOW - 19_000 + n) for n in range(3)],
     "failing", None),
    ("a stale health reply", [Health(NOW - 12_001, failing=True, min_response_ms=5)], "serving", None),
    ("a health reply nearly stale", [Health(NOW - 12_000, failing=True, min_response_ms=5)], "failing", 5),
    ("health is newer than the newest call", [answered(T, T + 40), Health(T + 1, failing=False, min_response_ms=900)],
     "serving", 900),
    ("health is older than the newest call", [Health(T - 1, failing=False, min_response_ms=900), answered(T, T + 40)],
     "serving", 40),
    ("the newest call by sending counts, not by ending", [answered(T, T + 900), answered(T + 500, T + 520)],
     "serving", 20),
    ("a call is under way, sent after all that ended", [answered(T, T + 40), Call(T + 300)], "serving", 700),
    ("a call is under way, quicker so far than the last", [answered(T, T + 900), Call(NOW - 10)], "serving", 900),
    ("an old call hangs while newer ones are booked", [Call(T - 9_000), answered(T, T + 40)], "serving", 40),
    ("the oldest of those under way counts", [Call(T + 300), Call(T + 600)], "serving", 700),
    ("a call was withdrawn", [answered(T, T + 40), Call(T + 300, T + 400, "withdrawn")], "serving", 40),
]  # fmt: skip


@pytest.mark.parametrize(("happened", "state", "latency_ms"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_table_of_evidence(happened: list[Call | Health], state: str, latency_ms: float | None) -> None:
    """What happened, and the condition after it."""
    condition = evidence(*happened).condition(NOW)
    assert (condition.state, condition.latency_ms) == (state, latency_ms)


def test_an_older_health_reply_is_ignored() -> None:
    """Replies are exchanged between dispatchers, and one may overtake another."""
    known = evidence(Health(T + 500, failing=False, min_response_ms=5))
    known.add_health(Health(T, failing=True, min_response_ms=900))
    assert known.condition(NOW).state == "serving"


BASES: list[tuple[str, list[Call | Health], float | None]] = [
    ("nothing is known", [], None),
    ("only health", [Health(T, failing=False, min_response_ms=30)], 30),
    ("the least of the calls", [answered(T, T + 90), answered(T + 100, T + 120), answered(T + 200, T + 290)], 20),
    ("the least of some seconds, against our own queueing", [answered(T - 5_000, T - 4_980), answered(T, T + 200)], 20),
    ("no longer than some seconds", [answered(T - 9_000, T - 8_980), answered(T, T + 200)], 200),
    ("a stall at once", [answered(T - 1_500, T - 1_480), answered(T, T + 900)], 900),
    ("less than calls take, as health says", [Health(T, failing=False, min_response_ms=30), answered(T, T + 200)], 30),
    ("not what health says where no call confirms it",
     [Health(T, failing=False, min_response_ms=0), answered(T, T + 900)], 900),
    ("stale health says nothing", [Health(NOW - 12_001, failing=False, min_response_ms=0), answered(T, T + 90)], 90),
]  # fmt: skip


@pytest.mark.parametrize(("happened", "base_ms"), [row[1:] for row in BASES], ids=[row[0] for row in BASES])
def test_the_base_latency_is_the_processors_own(happened: list[Call | Health], base_ms: float | None) -> None:
    """Latency that our own queueing adds must not count, or the in-flight limit would reinforce itself."""
    assert evidence(*happened).condition(NOW).base_latency_ms == base_ms


def test_a_closed_processor_gets_a_canary_periodically() -> None:
    """One every CANARY_EVERY_MS, counted from the last call of any kind."""
    known = evidence(*FAILED)
    sent = known.sent(NOW)
    assert not known.canary_due(NOW + CANARY_EVERY_MS - 1, serving=False)
    assert known.canary_due(NOW + CANARY_EVERY_MS, serving=False)
    known.failed(sent, NOW + 1)
    assert not known.canary_due(NOW + CANARY_EVERY_MS - 1, serving=False)


def test_canaries_under_way_are_bounded() -> None:
    """A processor that never answers must not get calls without end."""
    known = evidence(*(Call(T + n) for n in range(CANARIES_MAX)))
    assert not known.canary_due(NOW, serving=False)


def test_better_health_makes_a_canary_due_at_once() -> None:
    """A recovery that health reports is used without a wait."""
    known = evidence(*FAILED)
    token = known.sent(NOW)
    known.failed(token, NOW + 1)
    known.add_health(Health(NOW + 2, failing=False, min_response_ms=5))
    assert known.canary_due(NOW + 2, serving=False)


def test_health_older_than_the_newest_failure_makes_no_canary_due() -> None:
    """It is about a time before the failure."""
    known = evidence(*FAILED)
    token = known.sent(NOW)
    known.failed(token, NOW + 1)
    known.add_health(Health(NOW - 1, failing=False, min_response_ms=5))
    assert not known.canary_due(NOW + 2, serving=False)


def test_a_slow_processor_gets_one_canary_at_a_time_where_health_says_nothing() -> None:
    """Its canaries are booked late: with many of them, two summaries could be seen to differ."""
    known = evidence(answered(T - 2_000, T))
    assert known.canary_due(NOW, serving=True)
    known.sent(NOW)
    assert not known.canary_due(NOW + 10_000, serving=True)


def test_a_slow_processor_gets_no_canary_while_health_says_slow() -> None:
    """Health will show when it is worth a try, at no cost."""
    known = evidence(answered(T - 2_000, T), Health(T, failing=False, min_response_ms=2_000))
    assert not known.canary_due(NOW, serving=True)


def test_a_slow_processor_gets_a_canary_when_health_promises_much_better() -> None:
    """Also while older calls are still under way there; only one, whose answer shows more than the promise."""
    known = evidence(Call(T - 2_000), answered(T - 2_500, T - 500), Health(T, failing=False, min_response_ms=20))
    assert known.canary_due(NOW, serving=True)
    known.sent(NOW)
    assert not known.canary_due(NOW + 1, serving=True)


def test_a_processor_that_opens_with_a_slow_booking_gets_a_canary_at_once() -> None:
    """Canaries sent while it was closed and slow are under way for long; none of them shows how it is now."""
    slow = [failed(T - 5_000 + n, T - 3_000 + n) for n in range(3)]
    known = evidence(*slow, answered(T - 2_000, T), Call(T - 1_500), Call(T - 1_000))
    condition = known.condition(T)
    assert (condition.state, condition.latency_ms) == ("serving", 2_000)
    assert known.canary_due(T, serving=True)
    quick = known.sent(T + 1)
    known.answered(quick, T + 21)
    assert known.condition(T + 21).latency_ms == 20
