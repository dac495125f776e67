"""A bucket lets through its rate over any time, and its burst at once."""

from hypothesis import given
from hypothesis import strategies as st

from services.ingress.core.bucket import Bucket


def test_the_burst_at_once_then_one_at_a_time() -> None:
    """The wait is exact: a moment earlier there is no token, then there is."""
    bucket = Bucket(2.0, 3, now_s=100.0)
    assert [bucket.take(100.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take(100.0) == 0.5
    assert bucket.take(100.25) == 0.25
    assert bucket.take(100.5) == 0.0
    assert bucket.take(1000.0) == 0.0
    assert [bucket.take(1000.0) for _ in range(3)] == [0.0, 0.0, 0.5]


@given(
    rate=st.integers(1, 1000),
    burst=st.integers(1, 1000),
    waits=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_never_more_than_the_burst_and_the_rate(rate: int, burst: int, waits: list[float]) -> None:
    """Whenever the calls come."""
    bucket = Bucket(rate, burst, now_s=0.0)
    now_s, taken = 0.0, 0
    for wait_s in waits:
        now_s += wait_s
        taken += bucket.take(now_s) == 0.0
        assert taken <= burst + rate * now_s + 1e-6
