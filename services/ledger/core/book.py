"""The book: each settlement counts once, and the totals of a period are exact to the cent.

Four columns hold everything it knows, one row for each payment in the order of recording: id, processor, cents and
stamp. (A payment that was refused and then settled has two; the later one counts.) From these the two
indexes, by id and by stamp, can be rebuilt; a copy of the book is a copy of its columns.

Columns are arrays, not objects: a million entries are a dozen objects, so the garbage collector, which visits
containers and not the contents of an array, has nothing to walk through and never delays an answer.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress

from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.stamp import micros_of
from services.contracts.summary import Totals
from services.ledger.core.columns import ID_BYTES, Block, BookImage
from services.ledger.core.rows_by_id import RowsById
from services.ledger.core.rows_by_stamp import RowsByStamp

CENTS_MAX = 2**63 - 1  # of one entry: the limit of a column; a sum has no such limit
_REFUSED = -(2**63)  # in place of a stamp: far before any that can be written as a date


@dataclass(frozen=True, slots=True)
class Entry:
    """What was recorded for a payment. No ``requested_at_us`` (microseconds since 1970): it was refused."""

    id: str
    processor: str
    amount_cents: int
    requested_at_us: int | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """It was new, and is now in the book."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """The book already has exactly this; nothing has changed."""


@dataclass(frozen=True, slots=True)
class Conflicting:
    """The book has something else for this id. An operator must look: perhaps it was charged twice."""

    found: Entry
    given: Entry


Recording = Recorded | Repeated | Conflicting
RECORDED, REPEATED = Recorded(), Repeated()


class Book:
    """All entries since the last clearing.

    Args:
        processors: those that a summary names even if nothing was settled there.
    """

    def __init__(self, processors: Iterable[str]) -> None:
        self._known = tuple(processors)
        self._clearings = 0
        self._begin(names=(), expected=0)

    def clear(self) -> None:
        """Forget everything."""
        self._clearings += 1
        self._begin(names=(), expected=0)

    def restore(self, names: Iterable[str], rows: int, replaced: int) -> None:
        """Forget everything, and prepare for the rows of an image: ``extend`` with them, then ``put_in_order``.

        Until then nothing else may be asked or recorded.
        """
        self._clearings += 1
        self._begin(names, rows)
        self._replaced_rows = replaced

    def _begin(self, names: Iterable[str], expected: int) -> None:
        self._by_id = RowsById(expected)
        self._processors = array("H")
        self._cents = array("q")
        self._stamps = array("q")
        self._names = list(names)
        self._numbers = {name: number for number, name in enumerate(self._names)}
        self._by_stamp = {name: RowsByStamp(self._stamps, self._cents) for name in self._known}
        self._refused_rows = 0
        self._replaced_rows = 0  # refused and then settled: the refusal's row stays but is ignored

    def extend(self, block: Block) -> None:
        """Append the next rows of an image; a row's processor number must be that of a name."""
        rows = range(len(self._stamps), len(self._stamps) + len(block))
        if self._replaced_rows:
            for first in range(0, len(block.ids), ID_BYTES):
                self._by_id.place_anew(block.ids[first : first + ID_BYTES])
        else:
            self._by_id.place_new(block.ids)
        self._processors.extend(block.processors)
        self._cents.extend(block.cents)
        self._stamps.extend(block.stamps)
        self._refused_rows += block.stamps.count(_REFUSED)
        settled = bytes(map(_REFUSED.__ne__, block.stamps))
        counted, processors = list(compress(rows, settled)), list(compress(block.processors, settled))
        for processor in dict.fromkeys(processors):  # one pass for each: there are few, and a pass in C is fast
            self._order_of(processor).add_unordered(compress(counted, map(processor.__eq__, processors)))

    def put_in_order(self) -> None:
        """Make the book whole after the last ``extend``."""
        for rows in self._by_stamp.values():
            rows.put_in_order()

    def image(self) -> BookImage:
        """Return the book's current state, at a constant cost."""
        return BookImage(
            self._by_id.ids,
            self._processors,
            self._cents,
            self._stamps,
            tuple(self._names),
            rows=len(self._stamps),
            entries=self.entries,
            refused=self.refused,
            replaced=self._replaced_rows,
            clearings=self._clearings,
        )

    def record(self, event: PaymentSettled | PaymentRefused) -> Recording:
        """Record an event; its ``amount_cents`` is at most CENTS_MAX.

        An existing entry stays and is counted once, whatever conflicts with it; but a settlement of a payment that was
        refused is counted, because it was charged, and a refusal counts nothing that could be counted twice.
        """
        stamp = micros_of(event.requested_at) if isinstance(event, PaymentSettled) else _REFUSED
        processor = self._number_of(event.processor)
        packed_id = bytes.fromhex(event.id.replace("-", ""))
        row = self._by_id.place(packed_id)
        if row == len(self._stamps):
            self._append(row, processor, event.amount_cents, stamp)
            return RECORDED
        given = (processor, event.amount_cents, stamp)
        if given == (self._processors[row], self._cents[row], self._stamps[row]):
            return REPEATED
        found = self._entry(row, event.id)
        if found.requested_at_us is None and stamp != _REFUSED:
            self._append(self._by_id.place_anew(packed_id), *given)
            self._replaced_rows += 1
        return Conflicting(found, _entry(event.id, event.processor, event.amount_cents, stamp))

    def totals(self, from_us: int | None, to_us: int | None) -> dict[str, Totals]:
        """Return the totals of a period in microseconds since 1970, both ends inclusive; None is an open end."""
        return {name: Totals(*rows.totals(from_us, to_us)) for name, rows in self._by_stamp.items()}

    @property
    def clearings(self) -> int:
        """How often it was cleared or restored: results from before and after are of two books."""
        return self._clearings

    @property
    def first_us(self) -> int | None:
        """The earliest stamp of a settlement, in microseconds since 1970; None if there is none."""
        return min((first for rows in self._by_stamp.values() if (first := rows.first_us) is not None), default=None)

    @property
    def entries(self) -> int:
        """How many settlements are counted."""
        return len(self._stamps) - self._refused_rows

    @property
    def refused(self) -> int:
        """How many payments are recorded as refused."""
        return self._refused_rows - self._replaced_rows

    @property
    def memory_bytes(self) -> int:
        """The bytes of the columns and the two indexes."""
        columns = self._processors, self._cents, self._stamps
        by_stamp = sum(rows.memory_bytes for rows in self._by_stamp.values())
        return sum(column.__sizeof__() for column in columns) + self._by_id.memory_bytes + by_stamp

    def _append(self, row: int, processor: int, cents: int, stamp: int) -> None:
        self._processors.append(processor)
        self._cents.append(cents)
        self._stamps.append(stamp)
        if stamp == _REFUSED:
            self._refused_rows += 1
        else:
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
