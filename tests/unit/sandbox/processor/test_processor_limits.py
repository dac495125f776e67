"""The limiter and the health window, without a clock."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.processor.limits import Admission, HealthWindow, Limiter

ENTERED, WAITING, REFUSED = Admission.ENTERED, Admission.WAITING, Admission.REFUSED


def test_limiter_fills_places_then_the_queue_then_refuses() -> None:
    """Two are running, one is queued, the fourth is refused."""
    limiter = Limiter[str](2, 1)
    assert [limiter.arrive(name) for name in "abcd"] == [ENTERED, ENTERED, WAITING, REFUSED]


def test_a_free_place_goes_to_the_oldest_in_the_queue() -> None:
    """A place is passed on when its call ends; it is free only if the queue is empty."""
    limiter = Limiter[str](1, 2)
    for name in "abc":
        limiter.arrive(name)
    assert limiter.leave() == "b"
    assert limiter.arrive("d") is WAITING
    assert [limiter.leave(), limiter.leave()] == ["c", "d"]
    assert limiter.leave() is None
    assert limiter.arrive("e") is ENTERED


@settings(deadline=None)
@given(st.lists(st.booleans()))
def test_limiter_never_exceeds_its_bounds(arrivals: list[bool]) -> None:
    """In whatever order calls begin and end, at most three run and two are queued, and no place is lost."""
    limiter = Limiter[int](3, 2)
    inside, waiting = 0, 0
    for number, is_arrival in enumerate(arrivals):
        if is_arrival:
            expected = ENTERED if inside < 3 else WAITING if waiting < 2 else REFUSED
            assert limiter.arrive(number) is expected
            inside += expected is ENTERED
            waiting += expected is WAITING
        elif inside:
            assert (limiter.leave() is None) == (waiting == 0)
            inside -= waiting == 0
            waiting -= waiting > 0


def test_window_serves_one_holds_two_refuses_the_rest() -> None:
    """The first call of a window is served, the next two are held, the fourth is refused."""
    window = HealthWindow[str](5_000, 2)
    assert [window.arrive(1_000 + number, name) for number, name in enumerate("abcd")] == [
        ENTERED,
        WAITING,
        WAITING,
        REFUSED,
    ]


def test_each_window_releases_one_held_caller() -> None:
    """A held caller is served in the next window, the one behind it in the window after."""
    window = HealthWindow[str](5_000, 2)
    for name in "abc":
        window.arrive(1_000, name)
    assert window.release(5_999) is None
    assert window.release(6_000) == "b"
    assert window.release(10_999) is None
    assert window.has_held
    assert window.release(11_000) == "c"
    assert not window.has_held


def test_a_new_caller_does_not_overtake_a_held_one() -> None:
    """While a caller is held, a free window is its own, even if the new caller asks first."""
    window = HealthWindow[str](5_000, 2)
    window.arrive(0, "a")
    window.arrive(1, "b")
    assert window.arrive(5_000, "c") is WAITING
    assert window.release(5_000) == "b"


def test_windows_are_fixed_from_the_first_call() -> None:
    """A call late in an unused window is served, and the next window begins on the old grid, not five seconds later."""
    window = HealthWindow[str](5_000, 0)
    assert window.arrive(100, "a") is ENTERED
    assert window.arrive(10_000, "b") is ENTERED
    assert window.opens_in_ms(10_000) == 100
    assert window.arrive(10_099, "c") is REFUSED
    assert window.arrive(10_100, "d") is ENTERED


def test_unused_windows_are_not_saved_up() -> None:
    """After a long silence one call is served, not several."""
    window = HealthWindow[str](5_000, 0)
    window.arrive(0, "a")
    assert [window.arrive(60_000, name) for name in "bc"] == [ENTERED, REFUSED]


def test_no_window_is_used_for_a_caller_that_left() -> None:
    """A held caller that is gone frees its place in the queue and its window."""
    window = HealthWindow[str](5_000, 2)
    for name in "abc":
        window.arrive(0, name)
    window.forget(lambda name: name == "b")
    assert window.arrive(1, "d") is WAITING
    assert window.release(5_000) == "c"
