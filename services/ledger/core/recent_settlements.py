"""Recently counted settlements: a summary leaves out what was answered after the request.

Only recent settlements can be left out: older entries were booked before, whatever a clock says.
"""

from collections import deque
from typing import NamedTuple

from services.contracts.events import PaymentSettled
from services.contracts.stamp import micros_of
from services.contracts.summary import Totals

RECENT_S = 0.5


class StoredUpTo(NamedTuple):
    """The dispatchers' answer to what they have stored.

    Args:
        seq: in SETTLEMENTS; a reader that has read this far has every booking that they knew at the moment asked about.
        until_us: that moment, in microseconds since 1970; None: one of them did not answer, or there are none.
    """

    seq: int
    until_us: int | None


class RecentSettlements:
    """What the book counted within RECENT_S."""

    def __init__(self) -> None:
        self._counted: deque[tuple[float, PaymentSettled]] = deque()  # when it was counted, and what

    def add(self, event: PaymentSettled, now_s: float) -> None:
        """Add a settlement that the book counts now. This runs for every payment; ``without`` does the work."""
        counted = self._counted
        while counted and now_s - counted[0][0] > RECENT_S:
            counted.popleft()
        counted.append((now_s, event))

    def clear(self) -> None:
        """Forget everything: the book is empty."""
        self._counted.clear()

    def without(
        self, totals: dict[str, Totals], period_us: tuple[int | None, int | None], until_us: int, now_s: float
    ) -> dict[str, Totals]:
        """Return totals of a period without what was booked after a moment; all in microseconds since 1970."""
        left = dict(totals)
        for counted_s, event in self._counted:
            if now_s - counted_s <= RECENT_S and _is_later(event, until_us) and _is_within(event, *period_us):
                before = left[event.processor]
                left[event.processor] = Totals(before.count - 1, before.cents - event.amount_cents)
        return left


def _is_later(event: PaymentSettled, until_us: int) -> bool:
    return event.booked_at is not None and micros_of(event.booked_at) > until_us


def _is_within(event: PaymentSettled, from_us: int | None, to_us: int | None) -> bool:
    requested_us = micros_of(event.requested_at)
    return (from_us is None or requested_us >= from_us) and (to_us is None or requested_us <= to_us)
