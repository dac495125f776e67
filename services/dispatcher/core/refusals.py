"""Whether a refusal is the payment's fault or the processor's: one that refuses everything is misconfigured.

A processor begins to refuse everything at some moment, and ends at another, so that bookings right before a refusal or
right after it say nothing of it. A refusal is provisional, and the payment is sent there again. It counts where another
one, sent after it, was booked, and this one is refused all the same. Five without a booking between, and it is the
processor that is wrong.
"""

from collections.abc import Container
from typing import Literal

PROVISIONAL_MAX = 5


class Refusals:
    """The refusals of one processor, by payment."""

    def __init__(self) -> None:
        self._provisional: dict[str, float] = {}  # id -> when it was refused; no other was booked since
        self._outlived: set[str] = set()  # refused, and another was booked since

    def booked(self, sent_ms: float, in_hand: Container[str]) -> None:
        """Note a booking of what was sent then; forget what is no longer in hand."""
        outlived = [payment_id for payment_id, refused_ms in self._provisional.items() if refused_ms < sent_ms]
        for payment_id in outlived:
            del self._provisional[payment_id]
        if outlived:
            self._outlived = {each for each in (*self._outlived, *outlived) if each in in_hand}

    def refused(self, payment_id: str, now_ms: float) -> Literal["counts", "provisional", "misconfigured"]:
        """Note a refusal; return what it means. ``misconfigured``: the payment was not booked, and may go elsewhere."""
        if payment_id in self._outlived:
            self._outlived.remove(payment_id)
            return "counts"
        if len(self._provisional) < PROVISIONAL_MAX:
            self._provisional[payment_id] = now_ms
        return "provisional" if len(self._provisional) < PROVISIONAL_MAX else "misconfigured"
