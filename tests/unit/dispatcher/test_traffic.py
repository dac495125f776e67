"""Who may start a call now, in which order, and how many more payments are fetched."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.money import Cents
from services.dispatcher.core.condition import CANARY_EVERY_MS, Health
from services.dispatcher.core.in_hand import InHand
from services.dispatcher.core.pace import IN_FLIGHT_FIRST, RESEND_FIRST_MS, RESEND_MAX_MS, backoff_ms
from services.dispatcher.core.traffic import Traffic
from tests.unit.dispatcher.fakes import DEAR, HOME, NOON, RULES

NOW = 1_000_000.0


def payment(seq: int, *, age_ms: float = 0, bound: bool = False) -> InHand:
    """Return a payment in hand, as it was delivered."""
    accepted_at = NOON - timedelta(milliseconds=age_ms)
    processor = HOME if bound else ""
    handles = {seq: f"handle {seq}"}
    return InHand(str(seq), Cents(1990), accepted_at, NOW - age_ms, seq, handles, generation=processor, in_doubt=bound)


def traffic(in_flight_max: int = 256) -> Traffic:
    """Return the traffic of two processors of which nothing is known."""
    return Traffic((HOME, DEAR), replace(RULES, in_flight_max=in_flight_max))


def waiting(hands: Traffic, *payments: InHand) -> None:
    """Have payments wait to be routed."""
    for one in payments:
        hands.take(one)
        hands.to_route(one)


def start_all(hands: Traffic, now_ms: float = NOW) -> list[tuple[int, str]]:
    """Start what starts now, counted as the flow counts it; return sequence and processor of each."""
    started = []
    for start in hands.starts(now_ms):
        hands.evidence(start.generation).sent(now_ms)
        started.append((start.payment.seq, start.generation))
    return started


def close(hands: Traffic, name: str, now_ms: float = NOW) -> None:
    """Let three calls fail."""
    evidence = hands.evidence(name)
    for token in [evidence.sent(now_ms - 100 + n) for n in range(3)]:
        evidence.failed(token, now_ms - 50)


def test_the_oldest_payment_starts_first() -> None:
    """By sequence, in whatever order they became ready."""
    hands = traffic()
    waiting(hands, *(payment(seq) for seq in (5, 3, 9, 1)))
    assert [seq for seq, _ in start_all(hands)] == [1, 3, 5, 9]


def test_no_more_start_than_there_are_slots() -> None:
    """Little is sent to a processor of which nothing is known; what remains waits."""
    hands = traffic()
    waiting(hands, *(payment(seq) for seq in range(1, 31)))
    assert len(start_all(hands)) == IN_FLIGHT_FIRST
    assert start_all(hands) == []
    assert hands.waiting == 30 - IN_FLIGHT_FIRST


def test_no_more_start_than_the_pace_allows() -> None:
    """All processors together get at most a burst of CALLS_PER_S_MAX at once."""
    hands = Traffic((HOME, DEAR), replace(RULES, calls_per_s_max=100))
    waiting(hands, *(payment(seq) for seq in range(1, 31)))
    assert len(start_all(hands)) == 3
    assert len(start_all(hands, NOW + 10)) == 1


def test_one_canary_starts_at_a_closed_processor() -> None:
    """The oldest payment finds out; the others are held, and another is the next canary."""
    hands = traffic()
    close(hands, HOME)
    waiting(hands, payment(1), payment(2))
    later = NOW + CANARY_EVERY_MS
    assert start_all(hands, later) == [(1, HOME)]
    assert start_all(hands, later + CANARY_EVERY_MS - 1) == []
    assert start_all(hands, later + CANARY_EVERY_MS) == [(2, HOME)]


def test_a_canary_that_was_not_booked_is_not_the_next_one_too() -> None:
    """A call may last until another canary is due: one past its deadline goes to the dearer one then."""
    hands = traffic()
    close(hands, HOME)
    old = payment(1, age_ms=10_000)
    waiting(hands, old)
    due = NOW + CANARY_EVERY_MS
    (start,) = hands.starts(due)
    assert start.generation == HOME
    hands.evidence(HOME).failed(hands.evidence(HOME).sent(due), due + CANARY_EVERY_MS)
    moved = hands.elsewhere(old, HOME, due + CANARY_EVERY_MS)
    assert moved is not None
    assert moved.generation == DEAR


def test_a_payment_past_its_deadline_goes_to_the_dearer_one() -> None:
    """A younger one is held for the cheapest; each is treated by its own age."""
    hands = traffic()
    close(hands, HOME)
    waiting(hands, payment(1, age_ms=10_000), payment(2, age_ms=9_000))
    assert start_all(hands) == [(1, DEAR)]


def test_the_surplus_is_counted_without_those_just_sent() -> None:
    """What starts in this turn no longer queues: the rest, carried in time, is held and not spilled."""
    hands = Traffic((HOME, DEAR), replace(RULES, in_flight_max=16, calls_per_s_max=10_000))
    hands.evidence(HOME).heard(Health(NOW - 1, failing=False, min_response_ms=1_000))
    waiting(hands, *(payment(seq) for seq in range(1, 33)))  # 16 are sent, 16 a second carry the other 16
    started = start_all(hands)
    assert [processor for _, processor in started] == [HOME] * 16


def test_a_bound_payment_is_sent_again_only_where_it_is_bound() -> None:
    """Also past its deadline, while its processor is closed and the other one serves: as a canary."""
    hands = traffic()
    close(hands, HOME)
    stuck = payment(1, age_ms=60_000, bound=True)
    hands.take(stuck)
    hands.to_resend(stuck, NOW, jitter=1)
    assert start_all(hands, NOW) == []
    assert start_all(hands, NOW + CANARY_EVERY_MS) == [(1, HOME)]


def test_bound_payments_hold_their_slots() -> None:
    """They count against their processor's limit while they wait, and against no other's."""
    hands = traffic(in_flight_max=16)
    for seq in range(1, 15):
        stuck = payment(seq, bound=True)
        stuck.attempts = 1
        hands.take(stuck)
        hands.to_resend(stuck, NOW, jitter=1)
    waiting(hands, *(payment(seq) for seq in range(100, 110)))
    assert start_all(hands) == [(100, HOME), (101, HOME)]
    assert hands.appetite(NOW) == 0
    assert hands.seen(NOW)[HOME].bound_waiting == 14
    assert hands.seen(NOW)[DEAR].bound_waiting == 0


@pytest.mark.parametrize("in_flight_max", [1, 16, 256])
def test_payments_of_the_dead_leave_slots_for_those_with_which_they_come(in_flight_max: int) -> None:
    """However many they are: they have their slots only once they are fetched, and others are fetched with them."""
    hands = traffic(in_flight_max)
    hands.note_unclaimed(HOME, 1_000)
    wanted = hands.appetite(NOW)
    assert wanted > 0
    waiting(hands, *(payment(seq) for seq in range(1, wanted + 1)))
    assert [processor for _, processor in start_all(hands)] == [HOME] * wanted


def test_a_bound_payment_starts_in_the_slot_that_it_holds() -> None:
    """A full processor does not keep it out, nor does it take another payment's slot."""
    hands = traffic(in_flight_max=16)
    stuck = payment(1, bound=True)
    hands.take(stuck)
    hands.to_resend(stuck, NOW, jitter=0)
    waiting(hands, *(payment(seq) for seq in range(100, 120)))
    started = start_all(hands)
    assert started[0] == (1, HOME)
    assert len(started) == 16


def test_a_payment_not_booked_waits_before_it_is_routed_again() -> None:
    """Another one may be the canary meanwhile."""
    hands = traffic()
    one = payment(1)
    hands.take(one)
    hands.to_route_later(one, NOW, jitter=0.5)
    assert start_all(hands, NOW + 199) == []
    assert start_all(hands, NOW + 200) == [(1, HOME)]


def test_a_new_suspect_is_sent_at_once() -> None:
    """Backoff is for those that were tried here."""
    hands = traffic()
    suspect = payment(1, bound=True)
    hands.take(suspect)
    hands.to_resend(suspect, NOW, jitter=1)
    assert start_all(hands, NOW) == [(1, HOME)]


@pytest.mark.parametrize(
    ("attempts", "jitter", "expected"),
    [
        (1, 0.0, 0.0),
        (1, 1.0, 2 * RESEND_FIRST_MS),
        (2, 1.0, 4 * RESEND_FIRST_MS),
        (2, 0.25, RESEND_FIRST_MS),
        (5, 1.0, RESEND_MAX_MS),
        (10_000, 1.0, RESEND_MAX_MS),
    ],
)
def test_backoff_doubles_up_to_a_bound_with_full_jitter(attempts: int, jitter: float, expected: float) -> None:
    """For ever, without ever growing beyond the bound."""
    assert backoff_ms(attempts, jitter) == expected


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


def test_canaries_stay_within_the_bulkhead() -> None:
    """A closed processor that holds as many calls as it may gets no further one."""
    hands = traffic(in_flight_max=1)
    close(hands, HOME)
    hands.evidence(HOME).sent(NOW)
    waiting(hands, payment(1))
    assert start_all(hands, NOW + CANARY_EVERY_MS) == []


def test_a_broken_story_leaves_nothing_behind() -> None:
    """Neither the payment nor its call; the processor is not blamed."""
    hands = traffic()
    one = payment(1)
    hands.take(one)
    one.call = (HOME, hands.evidence(HOME).sent(NOW))
    hands.forget(one)
    assert not hands.in_hand
    assert hands.evidence(HOME).in_flight == 0
    assert hands.conditions(NOW)[HOME].state == "serving"


def test_forgetting_twice_is_harmless() -> None:
    """The story may break off after its call has ended, or after the payment was let go."""
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


def test_the_oldest_wait_is_that_of_whatever_has_waited_longest() -> None:
    """In hand or in the stream; nothing at all waits for no time."""
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
