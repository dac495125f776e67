"""Whether a refusal is the payment's fault or the processor's: one that refuses everything is misconfigured.

A refusal counts only where the processor booked another payment within the last 10 s, or books one next; until then it
is provisional and the payment waits. Five provisional ones, and it is the processor that is wrong: so it is with each
further one, until it books.
"""

from typing import Literal

BOOKED_WITHIN_MS = 10_000.0
PROVISIONAL_MAX = 5


class Refusals:
    """The refusals of one processor; ``waiting`` are the payments whose refusal is provisional, by id."""

    def __init__(self) -> None:
        self._booked_ms: float | None = None
        self._is_misconfigured = False
        self.waiting: dict[str, str] = {}  # id -> what the processor said

    def booked(self, now_ms: float) -> dict[str, str]:
        """Note a booking; return the payments whose refusal counts by it."""
        self._booked_ms = now_ms
        self._is_misconfigured = False
        counting, self.waiting = self.waiting, {}
        return counting

    def refused(self, payment_id: str, detail: str, now_ms: float) -> Literal["counts", "waits", "misconfigured"]:
        """Note a refusal; return what it means. ``misconfigured``: all that are ``waiting`` were not booked."""
        if self._booked_ms is not None and now_ms - self._booked_ms <= BOOKED_WITHIN_MS:
            return "counts"
        self.waiting[payment_id] = detail
        self._is_misconfigured = self._is_misconfigured or len(self.waiting) >= PROVISIONAL_MAX
        return "misconfigured" if self._is_misconfigured else "waits"
