"""How many more payments are fetched, how many are in hand, and how long the oldest waits."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.dispatcher.core.condition import CANARY_EVERY_MS, Health
from services.dispatcher.core.in_hand import InHand
from services.dispatcher.core.pace import IN_FLIGHT_FIRST
from services.dispatcher.core.traffic import Traffic
from tests.unit.dispatcher.fakes import DEAR, HOME
from tests.unit.dispatcher.traffic_cases import NOW, close, payment, traffic, waiting


def test_the_appetite_is_what_could_start_beyond_those_that_wait() -> None:
    """Nothing is fetched only to wait here."""
    hands = traffic()
    assert hands.appetite(NOW) == IN_FLIGHT_FIRST
    waiting(hands, payment(1), payment(2))
    assert hands.appetite(NOW) == IN_FLIGHT_FIRST - 2


def test_nothing_is_fetched_for_a_closed_processor_before_its_time() -> None:
    """A canary at most, until the head of the stream is past its deadline: then as many as the dear one takes."""
    hands = traffic()
    close(hands, HOME)
    hands.backlog, hands.head_stored_ms = 500, NOW - 9_000
    assert hands.appetite(NOW) == 0
    assert hands.appetite(NOW + CANARY_EVERY_MS) == 1
    assert hands.appetite(NOW + 1_000) == 1 + IN_FLIGHT_FIRST


def test_nothing_is_fetched_beyond_what_may_be_in_hand() -> None:
    """However many slots are free: those in hand that wait for their backoff need some of them soon."""
    hands = traffic(in_flight_max=1)
    assert hands.appetite(NOW) == 1
    for one in (payment(1), payment(2)):
        hands.take(one)
        hands.to_route_later(one, NOW, jitter=1)
    assert hands.in_hand_max == 2
    assert hands.appetite(NOW) == 0


def test_a_payment_whose_task_raised_leaves_nothing_behind() -> None:
    """Neither the payment nor its call; it is no evidence against the processor."""
    hands = traffic()
    one = payment(1)
    hands.take(one)
    one.call = (HOME, hands.evidence(HOME).sent(NOW))
    hands.forget(one)
    assert not hands.in_hand
    assert hands.evidence(HOME).in_flight == 0
    assert hands.conditions(NOW)[HOME].state == "serving"


def test_forgetting_twice_is_harmless() -> None:
    """The task may raise after its call has ended, or after the payment was let go."""
    hands = traffic()
    one = payment(1)
    hands.take(one)
    token = hands.evidence(HOME).sent(NOW)
    one.call = (HOME, token)
    hands.evidence(HOME).answered(token, NOW + 5)
    hands.forget(one)
    hands.forget(one)
    assert not hands.in_hand


steps = st.lists(
    st.sampled_from(["fetch", "start", "book", "fail", "unknown", "well", "wait", "backlog"]), min_size=5, max_size=80
)


def end(hands: Traffic, call: tuple[InHand, str, int], how: str, now_ms: float) -> None:
    """End a call as the flow would."""
    ended, name, token = call
    if how == "book":
        hands.evidence(name).answered(token, now_ms)
        hands.let_go(ended)
        return
    hands.evidence(name).failed(token, now_ms)
    if how == "unknown" or ended.in_doubt:
        ended.in_doubt, ended.generation = True, name
        hands.to_resend(ended, now_ms, jitter=0.5)
    else:
        hands.to_route_later(ended, now_ms, jitter=0.5)


def test_the_oldest_wait_is_the_longest_in_hand_or_in_the_stream() -> None:
    """It is zero where nothing waits."""
    hands = traffic()
    hands.head_stored_ms = NOW - 90_000  # of a payment that is in the stream no longer
    assert hands.oldest_wait_ms(NOW) == 0.0
    waiting(hands, payment(1, age_ms=300), payment(2, age_ms=200))
    assert hands.oldest_wait_ms(NOW) == 300.0
    hands.backlog, hands.head_stored_ms = 5, NOW - 2_000
    assert hands.oldest_wait_ms(NOW) == 2_000.0


@settings(max_examples=150, deadline=None)
@given(steps=steps, in_flight_max=st.sampled_from([1, 3, 20]))
def test_what_is_in_hand_never_exceeds_its_bound(steps: list[str], in_flight_max: int) -> None:
    """Nor does any processor ever have more calls than the bulkhead: whatever happens in whatever order."""
    hands, now_ms, seq = traffic(in_flight_max), NOW, 0
    under_way: list[tuple[InHand, str, int]] = []
    for step in steps:
        now_ms += 7
        match step:
            case "fetch":
                for _ in range(hands.appetite(now_ms)):
                    seq += 1
                    waiting(hands, payment(seq, age_ms=NOW - now_ms + 8_000))
            case "start":
                for start in hands.starts(now_ms):
                    token = hands.evidence(start.generation).sent(now_ms)
                    under_way.append((start.payment, start.generation, token))
            case "wait":
                now_ms += 3_000
            case "well":
                hands.evidence(HOME).heard(Health(now_ms, failing=False, min_response_ms=10))
            case "backlog":
                hands.backlog, hands.head_stored_ms = 1_000, now_ms - 20_000
            case _ if under_way:
                end(hands, under_way.pop(0), step, now_ms)
        assert len(hands.in_hand) <= hands.in_hand_max
        assert all(hands.evidence(name).in_flight <= in_flight_max for name in (HOME, DEAR))
