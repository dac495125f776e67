"""How long no POST was accepted after a fault of a nats-server, and what must not be accepted."""

from sandbox.chaos.offered_payment import ACCEPTED, Intent, OfferedPayment, RecordedAnswer
from sandbox.chaos.planned_fault import FaultKind
from sandbox.chaos.unavailability import (
    NodeFault,
    Span,
    accepted_without_majority,
    other_causes,
    unavailability,
    unavailable_s,
)

KILLED = NodeFault(FaultKind.NODE_KILL, "PAYMENTS", ("nats-1",), began_s=100, ended_s=100, healthy_s=120)
TWO_DOWN = NodeFault(FaultKind.TWO_DOWN, "PAYMENTS", ("nats-1", "nats-2"), began_s=100, ended_s=108, healthy_s=120)


def test_it_is_the_longest_time_without_an_accepted_post_until_the_cluster_was_healthy() -> None:
    """What was accepted right after the fault was under way then and does not count; later POSTs are not its effect."""
    accepted_s = [99.0, 100.1, 106.1, 107, *range(108, 121), 150]
    assert unavailable_s(KILLED, accepted_s, 200, ()) == 6


def test_it_begins_with_the_fault() -> None:
    """Not with the last accepted POST before it."""
    assert unavailable_s(KILLED, [90.0, 104.0, *range(105, 121)], 200, ()) == 4


def test_an_open_period_ends_with_the_next_accepted_or_last_offered_post() -> None:
    """An end that was not observed is not invented."""
    accepted_s = [101.0, 102.0, 103.0]
    assert unavailable_s(KILLED, [*accepted_s, 130.0], 200, ()) == 27
    assert unavailable_s(KILLED, accepted_s, 110, ()) == 7
    assert unavailable_s(KILLED, [], 90, ()) == 0


def test_other_causes_are_subtracted_once() -> None:
    """A frozen balancer accepts nothing, however many other reasons there are."""
    excluded = [Span(102, 105), Span(104, 106), Span(50, 60)]
    assert unavailable_s(KILLED, [100.5, 110.5, *range(111, 121)], 200, excluded) == 6


def test_no_ingress_or_a_full_stream_is_another_cause() -> None:
    """One ingress of two is enough; a dispatcher is not needed."""
    done = [
        (FaultKind.KILL, "balancer", Span(1, 1)),
        (FaultKind.PAYMENTS_FULL, "nats", Span(10, 20)),
        (FaultKind.FREEZE, "ingress-1", Span(30, 40)),
        (FaultKind.KILL, "ingress-2", Span(38, 38)),
        (FaultKind.FREEZE, "dispatcher-1", Span(50, 60)),
        (FaultKind.SETTLEMENTS_FULL, "nats", Span(70, 80)),
    ]
    assert sorted(other_causes(done)) == [Span(1, 4), Span(10, 23), Span(38, 41)]


def test_a_row_has_all_faults_of_a_kind() -> None:
    """Their number, the longest, and the median."""
    later = [NodeFault(FaultKind.NODE_KILL, "PAYMENTS", ("nats-2",), began, began, began + 20) for began in (200, 300)]
    accepted_s = [104.0, *range(105, 201), 207.0, *range(208, 301), 301.5, *range(302, 330)]
    (row,) = unavailability([KILLED, *later], accepted_s, 400, [])
    assert (row.kind, row.of, row.count, row.longest_s, row.median_s) == ("node_kill", "PAYMENTS", 3, 7.0, 4.0)
    assert row.is_of_one


def offered(first_s: float, accepted_s: float) -> dict[str, OfferedPayment]:
    """A payment that was first sent then, and accepted then."""
    offer = OfferedPayment("a", 1)
    offer.record_request(first_s, "POST")
    offer.record_answer(Intent.OFFER, RecordedAnswer(accepted_s, ACCEPTED, ""))
    return {"a": offer}


def test_what_is_offered_and_accepted_while_two_of_three_are_down_is_a_violation() -> None:
    """Nothing else is: what was sent before may be stored, and what is accepted later is stored by two."""
    assert accepted_without_majority([TWO_DOWN], offered(102, 103))
    assert not accepted_without_majority([TWO_DOWN], offered(99, 103))
    assert not accepted_without_majority([TWO_DOWN], offered(102, 112))
    assert not accepted_without_majority([KILLED], offered(102, 103))
