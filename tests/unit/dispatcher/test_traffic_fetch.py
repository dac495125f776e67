"""How many more payments are fetched, how many are in hand, and how long the oldest waits."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.dispatcher.core.condition import CANARY_EVERY_MS, Health
from services.dispatcher.core.in_hand import InHand
from services.dispatcher.core.pace import IN_FLIGHT_FIRST
from services.dispatcher.core.traffic import Traffic
from tests.unit.dispatcher.fakes import DEAR, HOME
from tests.unit.dispatcher.traffic_cases import HELD_MS, NOW, close, make_traffic, payment, start_all, waiting


def test_fetchable_is_what_could_start_beyond_those_that_wait() -> None:
    """Nothing is fetched only to wait here."""
    traffic = make_traffic()
    assert traffic.fetchable(NOW) == IN_FLIGHT_FIRST
    waiting(traffic, payment(1), payment(2))
    assert traffic.fetchable(NOW) == IN_FLIGHT_FIRST - 2


def test_nothing_is_fetched_for_a_closed_processor_before_its_time() -> None:
    """At most a canary, until the head of the stream is past its deadline: then as many as the dear one takes."""
    traffic = make_traffic()
    close(traffic, HOME)
    traffic.backlog, traffic.head_stored_ms = 500, NOW - HELD_MS + 1_000
    assert traffic.fetchable(NOW) == 0
    assert traffic.fetchable(NOW + CANARY_EVERY_MS) == 1
    assert traffic.fetchable(NOW + 1_000) == 1 + IN_FLIGHT_FIRST


def test_what_was_given_back_is_fetched_although_no_backlog_counts_it() -> None:
    """As a released payment, while payments in doubt at a processor that is down use up each of its canaries."""
    traffic = make_traffic()
    close(traffic, HOME)
    for seq in range(1, 201):
        stuck = payment(seq, bound=True)
        traffic.take(stuck)
        traffic.to_resend(stuck, NOW, jitter=0)
    traffic.backlog, traffic.head_stored_ms = 0, NOW + CANARY_EVERY_MS
    assert start_all(traffic, NOW + CANARY_EVERY_MS) == [(1, HOME)]
    assert traffic.fetchable(NOW + CANARY_EVERY_MS) == 1
    waiting(traffic, payment(201))
    assert traffic.fetchable(NOW + CANARY_EVERY_MS) == 0


def test_nothing_is_fetched_beyond_what_may_be_in_hand() -> None:
    """However many slots are free: those in hand that wait for their backoff need some of them soon."""
    traffic = make_traffic(in_flight_max=1)
    assert traffic.fetchable(NOW) == 1
    for one in (payment(1), payment(2)):
        traffic.take(one)
        traffic.to_route_later(one, NOW, jitter=1)
    assert traffic.in_hand_max == 2
    assert traffic.fetchable(NOW) == 0


def test_a_payment_whose_task_raised_leaves_nothing_behind() -> None:
    """Neither the payment nor its call; it does not count against the processor."""
    traffic = make_traffic()
    one = payment(1)
    traffic.take(one)
    one.call = (HOME, traffic.evidence(HOME).sent(NOW))
    traffic.drop_failed(one)
    assert not traffic.in_hand
    assert traffic.evidence(HOME).in_flight == 0
    assert traffic.conditions(NOW)[HOME].state == "serving"


def test_dropping_twice_is_harmless() -> None:
    """The task may raise after its call has ended, or after the payment was given back."""
    traffic = make_traffic()
    one = payment(1)
    traffic.take(one)
    token = traffic.evidence(HOME).sent(NOW)
    one.call = (HOME, token)
    traffic.evidence(HOME).answered(token, NOW + 5)
    traffic.drop_failed(one)
    traffic.drop_failed(one)
    assert not traffic.in_hand


steps = st.lists(
    st.sampled_from(["fetch", "start", "book", "fail", "unknown", "well", "wait", "backlog"]), min_size=5, max_size=80
)


def end(traffic: Traffic, call: tuple[InHand, str, int], how: str, now_ms: float) -> None:
    """End a call as the flow would."""
    ended, name, token = call
    if how == "book":
        traffic.evidence(name).answered(token, now_ms)
        traffic.remove(ended)
        return
    traffic.evidence(name).failed(token, now_ms)
    if how == "unknown" or ended.in_doubt:
        ended.in_doubt, ended.generation = True, name
        traffic.to_resend(ended, now_ms, jitter=0.5)
    else:
        traffic.to_route_later(ended, now_ms, jitter=0.5)


def test_the_oldest_wait_is_the_longest_in_hand_or_in_the_stream() -> None:
    """It is zero if nothing waits."""
    traffic = make_traffic()
    traffic.head_stored_ms = NOW - 90_000  # of a payment that is in the stream no longer
    assert traffic.oldest_wait_ms(NOW) == 0.0
    waiting(traffic, payment(1, age_ms=300), payment(2, age_ms=200))
    assert traffic.oldest_wait_ms(NOW) == 300.0
    traffic.backlog, traffic.head_stored_ms = 5, NOW - 2_000
    assert traffic.oldest_wait_ms(NOW) == 2_000.0


@settings(max_examples=150, deadline=None)
@given(steps=steps, in_flight_max=st.sampled_from([1, 3, 20]))
def test_what_is_in_hand_never_exceeds_its_bound(steps: list[str], in_flight_max: int) -> None:
    """Nor does any processor ever have more calls than the bulkhead, whatever happens in whatever order."""
    traffic, now_ms, seq = make_traffic(in_flight_max), NOW, 0
    under_way: list[tuple[InHand, str, int]] = []
    for step in steps:
        now_ms += 7
        match step:
            case "fetch":
                for _ in range(traffic.fetchable(now_ms)):
                    seq += 1
                    waiting(traffic, payment(seq, age_ms=NOW - now_ms + 8_000))
            case "start":
                for start in traffic.starts(now_ms):
                    token = traffic.evidence(start.generation).sent(now_ms)
                    under_way.append((start.payment, start.generation, token))
            case "wait":
                now_ms += 3_000
            case "well":
                traffic.evidence(HOME).add_health(Health(now_ms, failing=False, min_response_ms=10))
            case "backlog":
                traffic.backlog, traffic.head_stored_ms = 1_000, now_ms - 20_000
            case _ if under_way:
                end(traffic, under_way.pop(0), step, now_ms)
        assert len(traffic.in_hand) <= traffic.in_hand_max
        assert all(traffic.evidence(name).in_flight <= in_flight_max for name in (HOME, DEAR))
