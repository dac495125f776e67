"""How many calls at once, and how many a second."""

import pytest

from services.dispatcher.core.pace import IN_FLIGHT_FIRST, IN_FLIGHT_LEAST, Pace, in_flight_limit


@pytest.mark.parametrize(
    ("latency_ms", "expected"),
    [
        (None, IN_FLIGHT_FIRST),
        (0.0, IN_FLIGHT_LEAST),
        (20.0, IN_FLIGHT_LEAST + 25),
        (100.0, IN_FLIGHT_LEAST + 125),
        (5_000.0, 256),
    ],
)
def test_the_limit_grows_with_latency_up_to_the_bulkhead(latency_ms: float | None, expected: int) -> None:
    """By Little's law, with headroom; low while nothing is known."""
    assert in_flight_limit(latency_ms, calls_per_s_max=1_000, in_flight_max=256) == expected


@pytest.mark.parametrize("latency_ms", [None, 0.0, 5_000.0])
def test_the_bulkhead_holds_however_small_it_is(latency_ms: float | None) -> None:
    """IN_FLIGHT_MAX applies even if it is below the first limit."""
    assert in_flight_limit(latency_ms, calls_per_s_max=1_000, in_flight_max=3) == 3


def started_in(pace: Pace, from_ms: int, to_ms: int) -> int:
    """Return how many calls start if each is made as soon as it may be."""
    started = 0
    for now_ms in range(from_ms, to_ms):
        while pace.wait_ms(now_ms) == 0:
            pace.take()
            started += 1
    return started


def test_calls_a_second_are_bounded() -> None:
    """Over a long time the rate is the setting's, plus one burst."""
    assert started_in(Pace(200), 0, 10_000) == pytest.approx(2_000, abs=10)


def test_an_idle_time_allows_one_short_burst_and_no_more() -> None:
    """32 ms worth of calls, however long the idle time."""
    pace = Pace(1_000)
    started_in(pace, 0, 100)
    assert started_in(pace, 60_000, 60_001) == 32


def test_the_wait_is_how_long_until_a_call_may_start() -> None:
    """After that wait a call may start."""
    pace = Pace(100)
    started_in(pace, 0, 1)
    wait_ms = pace.wait_ms(1)
    assert 0 < wait_ms <= 10
    assert pace.wait_ms(1 + wait_ms) == pytest.approx(0, abs=1e-6)


def test_the_slowest_pace_still_lets_calls_start() -> None:
    """One call a second has a burst of one, not of a part of one."""
    assert started_in(Pace(1), 0, 3_001) == 4
