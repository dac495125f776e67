"""The pace: faster while processors keep up, slower where they do not, never beyond the bound. Time is a number."""

import pytest

from services.audit.flow.pace import LEAST_PER_S, START_PER_S, EvenPace
from tests.unit.audit.test_audit_asking import Clock


async def run(pace: EvenPace, turns: int, took_s: float = 0.01, *, is_answered: bool = True) -> None:
    """Take so many turns, each with the same outcome."""
    for _ in range(turns):
        await pace.turn()
        pace.note("default", took_s, is_answered=is_answered)


def a_pace(clock: Clock, per_s_max: float = 1000) -> EvenPace:
    """On this clock."""
    return EvenPace(per_s_max, now_s=clock.now_s, sleep=clock.sleep)


async def test_it_grows_to_the_bound_while_answers_come_in_their_usual_time() -> None:
    """In seconds, not at once; never beyond."""
    clock = Clock()
    pace = a_pace(clock)
    assert pace.per_s == START_PER_S
    await run(pace, 100)
    assert START_PER_S < pace.per_s < 4 * START_PER_S
    await run(pace, 20_000)
    assert pace.per_s == 1000
    assert a_pace(clock, 10).per_s == 10


async def test_no_answer_halves_it_once_a_second() -> None:
    """What was under way before says nothing about the new rate."""
    clock = Clock()
    pace = a_pace(clock)
    clock.now = 5.0
    for _ in range(10):
        pace.note("default", 0.01, is_answered=False)
    assert pace.per_s == START_PER_S / 2
    clock.now = 6.0
    pace.note("default", 0.01, is_answered=False)
    assert pace.per_s == START_PER_S / 4


async def test_a_processor_that_answers_nothing_is_still_asked() -> None:
    """Slowly; once it answers, the rate grows again."""
    clock = Clock()
    pace = a_pace(clock)
    await run(pace, 1_000, is_answered=False)
    assert pace.per_s == LEAST_PER_S
    await run(pace, 200)
    assert pace.per_s > START_PER_S


@pytest.mark.parametrize(("took_s", "is_slower"), [(0.012, False), (0.03, False), (0.5, True)])
async def test_answers_that_take_much_longer_than_usual_slow_it_down(took_s: float, is_slower: bool) -> None:  # noqa: FBT001  # a table
    """Jitter of some milliseconds does not."""
    clock = Clock()
    pace = a_pace(clock)
    await run(pace, 10_000)
    await run(pace, 3_000, took_s)
    assert (pace.per_s < 1000) == is_slower
