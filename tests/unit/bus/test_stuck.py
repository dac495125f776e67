"""When a client leaves a server of a cluster that stores nothing."""

from services.bus.wire.stuck import STUCK_AFTER_S, Stuck

NOW_S = 100.0


def test_a_server_is_left_when_no_leader_has_answered_for_long() -> None:
    """Not at the first failure, and not again before the next server has had as long."""
    stuck = Stuck()
    times = [NOW_S + step for step in range(int(3 * STUCK_AFTER_S))]
    left = [time_s for time_s in times if stuck.failed(time_s)]
    assert left == [NOW_S + STUCK_AFTER_S, NOW_S + 2 * STUCK_AFTER_S + 1]


def test_any_answer_of_a_leader_counts() -> None:
    """An election of one stream is no reason to leave while another stream's leader answers."""
    stuck = Stuck()
    for step in range(int(2 * STUCK_AFTER_S)):
        assert not stuck.failed(NOW_S + step)
        stuck.answered()


def test_two_failures_far_apart_are_not_a_long_silence() -> None:
    """There were no requests in between."""
    stuck = Stuck()
    assert not stuck.failed(NOW_S)
    assert not stuck.failed(NOW_S + 2 * STUCK_AFTER_S)
