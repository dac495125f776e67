"""Whether a refusal is the payment's fault or the processor's: one that refuses everything is misconfigured.

A processor begins to refuse everything at some moment and stops at another, so a booking right before or right after a
refusal shows nothing about it. A refusal is provisional, and the payment is sent there again. It counts if another
payment that was sent after it was booked, and this one is refused again. After five without a booking between them, the
processor is misconfigured.
"""

from collections.abc import Container
from typing import Literal

PROVISIONAL_MAX = 5


class Refusals:
    """The refusals of one processor: the provisional ones, at most PROVISIONAL_MAX, and those whose next one counts."""

    def __init__(self) -> None:
        self._provisional: dict[str, float] = {}  # id -> when it was refused; no other was booked since
        self._booked_since: set[str] = set()  # refused, and another was booked since

    def booked(self, sent_ms: float, in_hand: Container[str]) -> None:
        """Record a booking of what was sent at ``sent_ms``; drop what is no longer in hand."""
        passed = [payment_id for payment_id, refused_ms in self._provisional.items() if refused_ms < sent_ms]
        for payment_id in passed:
            del self._provisional[payment_id]
        if passed:
            self._booked_since = {each for each in (*self._booked_since, *passed) if each in in_hand}

    def refused(self, payment_id: str, now_ms: float) -> Literal["counts", "provisional", "misconfigured"]:
        """Record a refusal; return what it means. ``misconfigured``: it was not booked, and may go elsewhere."""
        if payment_id in self._booked_since:
            self._booked_since.remove(payment_id)
            return "counts"
        if len(self._provisional) < PROVISIONAL_MAX:
            self._provisional[payment_id] = now_ms
        return "provisional" if len(self._provisional) < PROVISIONAL_MAX else "misconfigured"
