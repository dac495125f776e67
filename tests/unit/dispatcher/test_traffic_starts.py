"""Which payment may start a call now, at which processor, and in which order."""

from dataclasses import replace

import pytest

from services.dispatcher.core.condition import CANARY_EVERY_MS, Health
from services.dispatcher.core.pace import IN_FLIGHT_FIRST, RESEND_FIRST_MS, RESEND_MAX_MS, backoff_ms
from services.dispatcher.core.traffic import Traffic
from tests.unit.dispatcher.fakes import DEAR, HOME, RULES
from tests.unit.dispatcher.traffic_cases import HELD_MS, NOW, close, make_traffic, payment, start_all, waiting


def test_the_oldest_payment_starts_first() -> None:
    """By sequence, in whatever order they became ready."""
    traffic = make_traffic()
    waiting(traffic, *(payment(seq) for seq in (5, 3, 9, 1)))
    assert [seq for seq, _ in start_all(traffic)] == [1, 3, 5, 9]


def test_no_more_start_than_there_are_slots() -> None:
    """Little is sent to an unknown processor; the rest waits."""
    traffic = make_traffic()
    waiting(traffic, *(payment(seq) for seq in range(1, 31)))
    assert len(start_all(traffic)) == IN_FLIGHT_FIRST
    assert start_all(traffic) == []
    assert traffic.waiting == 30 - IN_FLIGHT_FIRST


def test_no_more_start_than_the_pace_allows() -> None:
    """All processors together get at most a burst of CALLS_PER_S_MAX at once."""
    traffic = Traffic((HOME, DEAR), replace(RULES, calls_per_s_max=100))
    waiting(traffic, *(payment(seq) for seq in range(1, 31)))
    assert len(start_all(traffic)) == 3
    assert len(start_all(traffic, NOW + 10)) == 1


def test_one_canary_starts_at_a_closed_processor() -> None:
    """The oldest payment is sent; the others wait, and another one is the next canary."""
    traffic = make_traffic()
    close(traffic, HOME)
    waiting(traffic, payment(1), payment(2))
    later = NOW + CANARY_EVERY_MS
    assert start_all(traffic, later) == [(1, HOME)]
    assert start_all(traffic, later + CANARY_EVERY_MS - 1) == []
    assert start_all(traffic, later + CANARY_EVERY_MS) == [(2, HOME)]


def test_a_canary_that_was_not_booked_is_not_the_next_canary() -> None:
    """A call may last until another canary is due: one past its deadline then goes to the more expensive processor."""
    traffic = make_traffic()
    close(traffic, HOME)
    old = payment(1, age_ms=HELD_MS)
    waiting(traffic, old)
    due = NOW + CANARY_EVERY_MS
    (start,) = traffic.starts(due)
    assert start.generation == HOME
    traffic.evidence(HOME).failed(traffic.evidence(HOME).sent(due), due + CANARY_EVERY_MS)
    moved = traffic.elsewhere(old, HOME, due + CANARY_EVERY_MS)
    assert moved is not None
    assert moved.generation == DEAR


def test_a_payment_past_its_deadline_goes_to_the_more_expensive_one() -> None:
    """A younger one waits for the cheapest; each by its own age."""
    traffic = make_traffic()
    close(traffic, HOME)
    waiting(traffic, payment(1, age_ms=HELD_MS), payment(2, age_ms=HELD_MS - 1_000))
    assert start_all(traffic) == [(1, DEAR)]


def test_the_surplus_is_counted_without_those_just_sent() -> None:
    """What starts in this turn no longer queues: the rest is sent in time, so it waits and is not spilled."""
    traffic = Traffic((HOME, DEAR), replace(RULES, in_flight_max=16, calls_per_s_max=10_000))
    traffic.evidence(HOME).add_health(Health(NOW - 1, failing=False, min_response_ms=1_000))
    waiting(traffic, *(payment(seq) for seq in range(1, 33)))  # 16 are sent, 16 a second carry the other 16
    started = start_all(traffic)
    assert [processor for _, processor in started] == [HOME] * 16


def test_a_bound_payment_is_sent_again_only_where_it_is_bound() -> None:
    """Also past its deadline, while its processor is closed and the other one serves: as a canary."""
    traffic = make_traffic()
    close(traffic, HOME)
    stuck = payment(1, age_ms=6 * HELD_MS, bound=True)
    traffic.take(stuck)
    traffic.to_resend(stuck, NOW, jitter=1)
    assert start_all(traffic, NOW) == []
    assert start_all(traffic, NOW + CANARY_EVERY_MS) == [(1, HOME)]


def test_bound_payments_hold_their_slots() -> None:
    """They count against their processor's limit while they wait, and against no other's."""
    traffic = make_traffic(in_flight_max=16)
    for seq in range(1, 15):
        stuck = payment(seq, bound=True)
        stuck.attempts = 1
        traffic.take(stuck)
        traffic.to_resend(stuck, NOW, jitter=1)
    waiting(traffic, *(payment(seq) for seq in range(100, 110)))
    assert start_all(traffic) == [(100, HOME), (101, HOME)]
    assert traffic.fetchable(NOW) == 0
    assert traffic.known_processors(NOW)[HOME].bound_waiting == 14
    assert traffic.known_processors(NOW)[DEAR].bound_waiting == 0


@pytest.mark.parametrize("in_flight_max", [1, 16, 256])
def test_unclaimed_payments_leave_slots_for_those_fetched_with_them(in_flight_max: int) -> None:
    """However many they are: they use their slots only once they are fetched, and others are fetched with them."""
    traffic = make_traffic(in_flight_max)
    traffic.note_unclaimed(HOME, 1_000)
    wanted = traffic.fetchable(NOW)
    assert wanted > 0
    waiting(traffic, *(payment(seq) for seq in range(1, wanted + 1)))
    assert [processor for _, processor in start_all(traffic)] == [HOME] * wanted


def test_a_bound_payment_starts_in_the_slot_that_it_holds() -> None:
    """A full processor does not keep it out, and it does not take another payment's slot."""
    traffic = make_traffic(in_flight_max=16)
    stuck = payment(1, bound=True)
    traffic.take(stuck)
    traffic.to_resend(stuck, NOW, jitter=0)
    waiting(traffic, *(payment(seq) for seq in range(100, 120)))
    started = start_all(traffic)
    assert started[0] == (1, HOME)
    assert len(started) == 16


def test_a_payment_not_booked_waits_before_it_is_routed_again() -> None:
    """Another one may be the canary meanwhile."""
    traffic = make_traffic()
    one = payment(1)
    traffic.take(one)
    traffic.to_route_later(one, NOW, jitter=0.5)
    assert start_all(traffic, NOW + 199) == []
    assert start_all(traffic, NOW + 200) == [(1, HOME)]


def test_a_new_suspect_is_sent_at_once() -> None:
    """Backoff is for payments that were tried here."""
    traffic = make_traffic()
    suspect = payment(1, bound=True)
    traffic.take(suspect)
    traffic.to_resend(suspect, NOW, jitter=1)
    assert start_all(traffic, NOW) == [(1, HOME)]


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
    """It repeats for ever, but never grows beyond the bound."""
    assert backoff_ms(attempts, jitter) == expected


def test_canaries_stay_within_the_bulkhead() -> None:
    """A closed processor that holds as many calls as it may gets no further one."""
    traffic = make_traffic(in_flight_max=1)
    close(traffic, HOME)
    traffic.evidence(HOME).sent(NOW)
    waiting(traffic, payment(1))
    assert start_all(traffic, NOW + CANARY_EVERY_MS) == []
