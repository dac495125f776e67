"""When a client leaves a server of a cluster that stores nothing."""

from services.bus.wire.leader_contact import LEAVE_AFTER_S, LeaderContact

NOW_S = 100.0


def test_a_server_is_left_when_no_leader_has_answered_for_long() -> None:
    """Not at the first failure, and not again before the next server has had as long."""
    contact = LeaderContact()
    times = [NOW_S + step for step in range(int(3 * LEAVE_AFTER_S))]
    left = [time_s for time_s in times if contact.failed(time_s)]
    assert left == [NOW_S + LEAVE_AFTER_S, NOW_S + 2 * LEAVE_AFTER_S + 1]


def test_any_answer_of_a_leader_counts() -> None:
    """An election of one stream is no reason to leave while another stream's leader answers."""
    contact = LeaderContact()
    for step in range(int(2 * LEAVE_AFTER_S)):
        assert not contact.failed(NOW_S + step)
        contact.answered()


def test_two_failures_far_apart_are_not_a_long_silence() -> None:
    """There were no requests in between."""
    contact = LeaderContact()
    assert not contact.failed(NOW_S)
    assert not contact.failed(NOW_S + 2 * LEAVE_AFTER_S)
