"""What the book took in lately: a summary can leave out of it what came after it was asked.

Only what came lately can be left out: what has been in the book for longer was booked before, whatever a clock says.
"""

from collections import deque
from typing import NamedTuple

from services.contracts.events import PaymentSettled
from services.contracts.stamp import micros_of
from services.contracts.summary import Totals

LATELY_S = 0.5


class Cut(NamedTuple):
    """What the dispatchers said when they were asked what they have stored.

    Args:
        seq: in SETTLEMENTS; whoever has read so far knows every booking that they knew at the moment asked about.
        until_us: that moment, in microseconds since 1970; None: one of them did not say, or there is none.
    """

    seq: int
    until_us: int | None


class _Taken(NamedTuple):
    taken_s: float
    booked_us: int
    requested_us: int
    processor: str
    cents: int


class Lately:
    """What was taken into the book within LATELY_S."""

    def __init__(self) -> None:
        self._taken: deque[_Taken] = deque()

    def note(self, event: PaymentSettled, now_s: float) -> None:
        """Note one that the book counts now."""
        taken = self._taken
        while taken and now_s - taken[0].taken_s > LATELY_S:
            taken.popleft()
        if event.booked_at is not None:
            taken.append(
                _Taken(
                    now_s,
                    micros_of(event.booked_at),
                    micros_of(event.requested_at),
                    event.processor,
                    event.amount_cents,
                )
            )

    def clear(self) -> None:
        """Forget everything: the book is empty."""
        self._taken.clear()

    def without(
        self, totals: dict[str, Totals], period_us: tuple[int | None, int | None], until_us: int, now_s: float
    ) -> dict[str, Totals]:
        """Return totals of a period without what was booked after a moment; all in microseconds since 1970."""
        from_us, to_us = period_us
        left = dict(totals)
        for one in self._taken:
            if (
                one.booked_us > until_us
                and now_s - one.taken_s <= LATELY_S
                and (from_us is None or one.requested_us >= from_us)
                and (to_us is None or one.requested_us <= to_us)
            ):
                before = left[one.processor]
                left[one.processor] = Totals(before.count - 1, before.cents - one.cents)
        return left
