"""The restart policy: a death is repaired, five of one part in a minute are not."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox.stack.processes.restart import DEATHS_MAX, DELAY_S, WINDOW_S, StartAgain, StopEverything, after_death


def test_a_single_death_is_repaired_after_a_short_delay() -> None:
    """One death leads to a start a moment later."""
    assert after_death([100.0], 100.0) == StartAgain(100.0 + DELAY_S)


def test_the_fifth_death_within_a_minute_stops_everything() -> None:
    """Four deaths are repaired, the fifth within the same minute is not."""
    deaths_s = [100.0, 110.0, 120.0, 130.0, 159.9]
    assert after_death(deaths_s[:4], 130.0) == StartAgain(130.0 + DELAY_S)
    assert after_death(deaths_s, 159.9) == StopEverything(5)


def test_deaths_of_more_than_a_minute_ago_do_not_count() -> None:
    """A death outside the window does not count."""
    assert after_death([100.0, 110.0, 120.0, 130.0, 160.0], 160.0) == StartAgain(160.0 + DELAY_S)


@given(st.integers(1, 50))
def test_a_part_that_dies_slowly_enough_is_always_restarted(deaths: int) -> None:
    """Four deaths a minute never add up."""
    apart_s = WINDOW_S / (DEATHS_MAX - 1)
    times_s = [number * apart_s for number in range(deaths)]
    assert isinstance(after_death(times_s, times_s[-1]), StartAgain)
