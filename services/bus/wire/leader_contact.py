"""Whether the connected server is useful: one that is cut off from the others answers, and can store nothing.

Such a server believes for ten seconds that it is still the leader, and its clients notice nothing by themselves. Pure.
"""

LEAVE_AFTER_S = 5.0  # longer than most elections, which are no reason to leave


class LeaderContact:
    """The results of all that needed a majority of the servers; times are of one clock, in seconds."""

    def __init__(self) -> None:
        self._failed_first_s: float | None = None  # since the last answer
        self._failed_last_s = 0.0

    def answered(self) -> None:
        """Record that a leader answered, whatever the answer."""
        self._failed_first_s = None

    def failed(self, now_s: float) -> bool:
        """Record that no leader answered; return whether that has lasted so long that another server should be tried.

        Then counting starts over: the next server gets as long.
        """
        if self._failed_first_s is None or now_s - self._failed_last_s > LEAVE_AFTER_S:
            self._failed_first_s = now_s
        self._failed_last_s = now_s
        if now_s - self._failed_first_s < LEAVE_AFTER_S:
            return False
        self._failed_first_s = None
        return True
