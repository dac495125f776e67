"""The table of core/route.py, and that the count of what could be sent agrees with the decision about each."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.dispatcher.core.route import Candidate, Rules, SendTo, route, sendable

RULES = Rules(
    settle_within_ms=10_000, spill_after_ms=1_000, slow_call_ms=1_400, calls_per_s_max=1_000, in_flight_max=256
)
YOUNG, OLD = 9_000.0, 10_000.0
SHORT, LONG = 100, 101  # queues that 100 calls a second would just finish in time, and just not


def serving(name: str, free: int = 1, *, slow: bool = False, canary_due: bool = False, per_s: float = 100) -> Candidate:
    """Return a processor that serves."""
    return Candidate(name, serves=True, slow=slow, free=free, canary_due=canary_due, per_s=per_s)


def failing(name: str, *, canary_due: bool = False) -> Candidate:
    """Return a processor that fails; its slots are free, and must not be used."""
    return Candidate(name, serves=False, slow=False, free=5, canary_due=canary_due, per_s=100)


FULL = serving("cheap", 0)
FAILS = failing("cheap")
SLOW = serving("cheap", slow=True)
TO_CHEAP, TO_DEAR, TO_THIRD = SendTo("cheap"), SendTo("dear"), SendTo("third")
AS_CANARY, HELD = SendTo("cheap", canary=True), None

TABLE: list[tuple[str, list[Candidate], float, int, SendTo | None]] = [
    ("serves, a slot is free", [serving("cheap"), serving("dear")], YOUNG, LONG, TO_CHEAP),
    ("serves, a slot is free, past its deadline", [serving("cheap"), serving("dear")], OLD, LONG, TO_CHEAP),
    ("serves, no slot, carried in time", [FULL, serving("dear")], YOUNG, SHORT, HELD),
    ("serves, no slot, carried in time, past its deadline", [FULL, serving("dear")], OLD, SHORT, HELD),
    ("serves, no slot, not carried in time", [FULL, serving("dear")], YOUNG, LONG, TO_DEAR),
    ("our own pace is the bottleneck", [replace(FULL, per_s=1_000), serving("dear")], YOUNG, 9_999, HELD),
    ("surplus, but the dear one is full, too", [FULL, serving("dear", 0)], YOUNG, LONG, HELD),
    ("surplus, but the dear one fails", [FULL, failing("dear")], YOUNG, LONG, HELD),
    ("surplus past its deadline, but the dear one fails", [FULL, failing("dear")], OLD, LONG, HELD),
    ("surplus, and the dear one's canary is due", [FULL, failing("dear", canary_due=True)], YOUNG, LONG,
     SendTo("dear", canary=True)),
    ("surplus of both goes to the third", [FULL, serving("dear", 0), serving("third")], YOUNG, LONG, TO_THIRD),
    ("surplus of the first that the second carries", [FULL, serving("dear", 0, per_s=200), serving("third")], YOUNG,
     LONG, HELD),
    ("fails, young", [FAILS, serving("dear")], YOUNG, LONG, HELD),
    ("fails, nearly at its deadline", [FAILS, serving("dear")], 9_970.0, LONG, HELD),
    ("fails, at its deadline", [FAILS, serving("dear")], OLD, 0, TO_DEAR),
    ("fails, its canary is due, young", [failing("cheap", canary_due=True), serving("dear")], YOUNG, 0, AS_CANARY),
    ("fails, its canary is due, old", [failing("cheap", canary_due=True), serving("dear")], OLD, 0, AS_CANARY),
    ("all fail", [FAILS, failing("dear")], OLD, LONG, HELD),
    ("the first two fail, old", [FAILS, failing("dear"), serving("third")], OLD, 0, TO_THIRD),
    ("the second fails, young: only surplus asks it", [FULL, failing("dear"), serving("third")], YOUNG, LONG, HELD),
    ("slow while another serves quickly", [SLOW, serving("dear")], YOUNG, 0, TO_DEAR),
    ("slow, its canary is due", [replace(SLOW, canary_due=True), serving("dear")], YOUNG, 0, AS_CANARY),
    ("slow, and the other fails", [SLOW, failing("dear")], YOUNG, 0, TO_CHEAP),
    ("slow, and so is the other", [SLOW, serving("dear", slow=True)], YOUNG, 0, TO_CHEAP),
    ("slow while the third serves quickly", [SLOW, failing("dear"), serving("third")], OLD, 0, TO_THIRD),
    ("slow while another is quick but full", [SLOW, serving("dear", 0)], YOUNG, SHORT, HELD),
    ("fails, and the dear one is slow, old", [FAILS, serving("dear", slow=True)], OLD, 0, TO_DEAR),
]  # fmt: skip


@pytest.mark.parametrize(
    ("candidates", "age_ms", "queue", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_the_table_of_routes(candidates: list[Candidate], age_ms: float, queue: int, expected: SendTo | None) -> None:
    """Processors cheapest first, a payment's age, what waits, and where the payment goes."""
    assert route(candidates, age_ms, queue, RULES) == expected


def test_the_route_changes_nothing() -> None:
    """It is called often, and only the sender may count a slot as taken."""
    candidates = [FULL, serving("dear", 3)]
    before = [replace(candidate) for candidate in candidates]
    route(candidates, OLD, LONG, RULES)
    assert candidates == before


a_candidate = st.builds(
    Candidate,
    name=st.just(""),
    serves=st.booleans(),
    slow=st.booleans(),
    free=st.integers(-2, 6),
    canary_due=st.booleans(),
    per_s=st.sampled_from([1.0, 5.0, 20.0, 1_000.0]),
)


@settings(max_examples=400, deadline=None)
@given(
    candidates=st.lists(a_candidate, min_size=2, max_size=3),
    age_ms=st.sampled_from([YOUNG, OLD]),
    beyond=st.integers(0, 40),
)
def test_sendable_counts_exactly_what_the_route_would_send(
    candidates: list[Candidate], age_ms: float, beyond: int
) -> None:
    """That many payments of the head's age each get a processor, and the next one waits: none is fetched in vain."""
    for number, candidate in enumerate(candidates):
        candidate.name = str(number)
    wanted = sendable(candidates, age_ms, beyond, RULES)
    for sent in range(wanted):
        decided = route(candidates, age_ms, beyond - sent, RULES)
        assert isinstance(decided, SendTo)
        candidate = candidates[int(decided.processor)]
        if decided.canary:
            candidate.canary_due = False
        else:
            candidate.free -= 1
    assert route(candidates, age_ms, beyond - wanted, RULES) is None
