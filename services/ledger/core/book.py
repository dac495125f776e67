"""The book: each settlement counts once, and the totals of a period are exact to the cent.

Four columns hold all that it knows, one row for each payment in the order of recording: id, processor, cents and
stamp. From these the two orders beside it, by id and by stamp, can be made anew; a copy of the book is a copy of its
columns.

Columns are arrays, not objects: a million entries are a dozen objects, so that the garbage collector, which visits
containers and not what an array holds, has nothing to walk through and never holds an answer up.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.stamp import micros_of
from services.contracts.summary import Totals
from services.ledger.core.by_id import RowsById
from services.ledger.core.by_stamp import RowsByStamp

CENTS_MAX = 2**63 - 1  # of one entry: what a column holds; a sum has no such bound
_REFUSED = -(2**63)  # stands where a stamp would: far before any that can be written as a date


@dataclass(frozen=True, slots=True)
class Entry:
    """What was recorded for a payment. No ``requested_at_us`` (microseconds since 1970): it was refused."""

    id: str
    processor: str
    amount_cents: int
    requested_at_us: int | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """It was new, and is in the book now."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """The book has exactly this already; nothing has changed."""


@dataclass(frozen=True, slots=True)
class Conflicting:
    """The book has something else for this id. A person must know: perhaps it was charged twice."""

    found: Entry
    told: Entry


Recording = Recorded | Repeated | Conflicting
RECORDED, REPEATED = Recorded(), Repeated()


class Book:
    """All entries since the last clearing.

    Args:
        processors: those that a summary names even where nothing was settled there.
    """

    def __init__(self, processors: Iterable[str]) -> None:
        self._known = tuple(processors)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._by_id = RowsById()
        self._processors = array("H")
        self._cents = array("q")
        self._stamps = array("q")
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._by_stamp = {name: RowsByStamp(self._stamps, self._cents) for name in self._known}
        self._refused = 0

    def record(self, event: PaymentSettled | PaymentRefused) -> Recording:
        """Take an event in; its ``amount_cents`` is at most CENTS_MAX.

        What the book has stays and is counted once, whatever conflicts with it; but a settlement of a payment that was
        refused is counted, because it was charged, and a refusal counts nothing that could be counted twice.
        """
        stamp = micros_of(event.requested_at) if isinstance(event, PaymentSettled) else _REFUSED
        processor = self._number_of(event.processor)
        row = self._by_id.place(bytes.fromhex(event.id.replace("-", "")))
        if row == len(self._stamps):
            self._append(row, processor, event.amount_cents, stamp)
            return RECORDED
        told = (processor, event.amount_cents, stamp)
        if told == (self._processors[row], self._cents[row], self._stamps[row]):
            return REPEATED
        found = self._entry(row, event.id)
        self._settle_if_refused(row, *told)
        return Conflicting(found, _entry(event.id, event.processor, event.amount_cents, stamp))

    def totals(self, from_us: int | None, to_us: int | None) -> dict[str, Totals]:
        """Return the totals of a period in microseconds since 1970, both ends inclusive, None an open end."""
        return {name: Totals(*rows.totals(from_us, to_us)) for name, rows in self._by_stamp.items()}

    @property
    def entries(self) -> int:
        """How many settlements are counted."""
        return len(self._stamps) - self._refused

    @property
    def refused(self) -> int:
        """How many payments are remembered as refused."""
        return self._refused

    @property
    def memory_bytes(self) -> int:
        """What the columns and the two orders take."""
        columns = self._processors, self._cents, self._stamps
        by_stamp = sum(rows.memory_bytes for rows in self._by_stamp.values())
        return sum(column.__sizeof__() for column in columns) + self._by_id.memory_bytes + by_stamp

    def _append(self, row: int, processor: int, cents: int, stamp: int) -> None:
        self._processors.append(processor)
        self._cents.append(cents)
        self._stamps.append(stamp)
        if stamp == _REFUSED:
            self._refused += 1
        else:
            self._order_of(processor).add(row)

    def _settle_if_refused(self, row: int, processor: int, cents: int, stamp: int) -> None:
        if self._stamps[row] != _REFUSED or stamp == _REFUSED:
            return
        self._processors[row] = processor
        self._cents[row] = cents
        self._stamps[row] = stamp
        self._refused -= 1
        self._order_of(processor).add(row)

    def _order_of(self, processor: int) -> RowsByStamp:
        name = self._names[processor]
        if name not in self._by_stamp:
            self._by_stamp[name] = RowsByStamp(self._stamps, self._cents)
        return self._by_stamp[name]

    def _number_of(self, processor: str) -> int:
        number = self._numbers.setdefault(processor, len(self._names))
        if number == len(self._names):
            self._names.append(processor)
        return number

    def _entry(self, row: int, payment_id: str) -> Entry:
        return _entry(payment_id, self._names[self._processors[row]], self._cents[row], self._stamps[row])


def _entry(payment_id: str, processor: str, amount_cents: int, stamp: int) -> Entry:
    return Entry(payment_id, processor, amount_cents, None if stamp == _REFUSED else stamp)
