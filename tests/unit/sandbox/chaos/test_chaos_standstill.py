"""When settling stands still: payments wait, a processor serves, and SETTLEMENTS does not grow."""

from collections.abc import Iterable

from sandbox.chaos.standstill import LIMIT_S, Standstill, StreamSample

STILL = StreamSample(waiting=5, settled=100)


def standstill(samples: Iterable[tuple[StreamSample | None, bool]]) -> Standstill:
    """Sample once a second; each sample has the streams' counts, and whether a processor serves."""
    found = Standstill()
    for second, (sample, serves) in enumerate(samples):
        found.add(float(second), sample, serves=serves)
    return found


def test_no_growth_while_payments_wait_and_a_processor_serves_is_a_standstill() -> None:
    """It is as long as the time from the first to the last sample without growth."""
    found = standstill([(STILL, True)] * 41)
    assert found.longest_s == 40
    assert found.beyond_s == 40 - LIMIT_S


def test_a_short_one_is_not_too_long() -> None:
    """A restart takes a few seconds, and is not reported."""
    assert standstill([(STILL, True)] * 31).beyond_s == 0


def test_growth_ends_it() -> None:
    """One settlement is enough."""
    grown = StreamSample(waiting=5, settled=101)
    found = standstill([(STILL, True)] * 11 + [(grown, True)] * 6)
    assert found.longest_s == 10


def test_an_empty_queue_is_not_a_standstill() -> None:
    """Where nothing waits there is nothing to settle."""
    assert standstill([(StreamSample(waiting=0, settled=100), True)] * 60).longest_s == 0


def test_time_without_a_processor_is_left_out_and_hides_nothing() -> None:
    """Ten seconds before an outage of both and ten after it are one standstill of twenty."""
    samples = [(STILL, True)] * 11 + [(STILL, False)] * 30 + [(STILL, True)] * 11
    assert standstill(samples).longest_s == 20


def test_time_without_an_answer_from_nats_counts() -> None:
    """Nothing is settled then either, and what waited still waits."""
    assert standstill([(STILL, True)] * 2 + [(None, True)] * 5).longest_s == 6
    assert standstill([(None, True)] * 5).longest_s == 0


def test_the_wait_after_a_store_went_back_is_left_out() -> None:
    """From the sample that shows it, to the one after which a dispatcher has waited long enough."""
    waits = STILL._replace(asks_all=True, must_wait=True)
    asks = STILL._replace(asks_all=True)
    assert standstill([(STILL, True)] * 6 + [(waits, True)] * 60 + [(asks, True)] * 11).longest_s == 16


def test_a_store_that_went_back_is_known_while_nats_does_not_answer() -> None:
    """It decides whether one serving processor is enough."""
    found = Standstill()
    found.add(0.0, STILL._replace(asks_all=True), serves=True)
    found.add(1.0, None, serves=True)
    assert found.asks_all(None)
    assert not Standstill().asks_all(None)
