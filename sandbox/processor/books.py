"""The books: what was booked, found by id and summed by period, to the cent."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice

from sandbox.processor.payment import ProcessorPayment


@dataclass(frozen=True, slots=True)
class BookedTotals:
    """The number of payments in a period, and their cents."""

    count: int
    cents: int


class Books:
    """Every payment booked since the last purge, each id once."""

    def __init__(self) -> None:
        self._payments: dict[str, ProcessorPayment] = {}
        self._timeline = Timeline()

    def __len__(self) -> int:
        return len(self._payments)

    def __iter__(self) -> Iterator[ProcessorPayment]:
        """Return all payments in the order in which they were booked."""
        return iter(self._payments.values())

    def __contains__(self, correlation_id: str) -> bool:
        return correlation_id in self._payments

    def book(self, payment: ProcessorPayment) -> None:
        """Book a payment whose id is not in the books, which the caller has checked."""
        self._payments[payment.correlation_id] = payment
        self._timeline.add(payment.requested_at_us, payment.amount_cents)

    def find(self, correlation_id: str) -> ProcessorPayment | None:
        """Return the payment with this id, if it was booked."""
        return self._payments.get(correlation_id)

    def totals(self, from_us: int | None, to_us: int | None) -> BookedTotals:
        """Return the totals of the period, both ends inclusive; of everything if either end is missing."""
        if from_us is None or to_us is None:
            return self._timeline.totals()
        return self._timeline.totals_between(from_us, to_us)

    def purge(self) -> None:
        """Delete all bookings."""
        self._payments.clear()
        self._timeline = Timeline()


class Timeline:
    """Amounts by stamp: adding is an append, and a question sorts only what was added since the last one."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int]] = []  # (stamp_us, cents), sorted
        self._sums: list[int] = [0]  # _sums[n]: the cents of the first n rows
        self._fresh: list[tuple[int, int]] = []  # added since the last question, in order of arrival

    def add(self, stamp_us: int, cents: int) -> None:
        """Add one amount at one stamp."""
        self._fresh.append((stamp_us, cents))

    def totals(self) -> BookedTotals:
        """Return the totals of all rows."""
        self._sort_in()
        return BookedTotals(len(self._rows), self._sums[-1])

    def totals_between(self, from_us: int, to_us: int) -> BookedTotals:
        """Return the totals of the rows from one stamp to another, both inclusive."""
        self._sort_in()
        # A one-element tuple sorts before every pair with that first element, so the end is the microsecond after `to`.
        begin = bisect_left(self._rows, (from_us,))
        end = max(begin, bisect_left(self._rows, (to_us + 1,)))
        return BookedTotals(end - begin, self._sums[end] - self._sums[begin])

    def _sort_in(self) -> None:
        """Merge the fresh rows; stamps come nearly in order, so only a short tail is sorted."""
        if not self._fresh:
            return
        keep = bisect_left(self._rows, min(self._fresh))
        tail = sorted(self._rows[keep:] + self._fresh)
        self._rows[keep:] = tail
        sums = accumulate((cents for _, cents in tail), initial=self._sums[keep])
        self._sums[keep + 1 :] = islice(sums, 1, None)
        self._fresh.clear()
