"""The entries of one processor in the order of their stamps: count and cents of any period, exactly.

Most entries belong near the end, but not at it: many calls are in flight at once, and an unknown outcome is settled
late. Inserting is a bisection and a small move of memory. The sums before each block of entries are valid up to
the lowest insertion since; the next question computes the rest once.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

# Small enough to sum a part of one at each end of a period, large enough that the sums take next to no memory.
_BLOCK = 128


class RowsByStamp:
    """Row numbers sorted by stamp; the stamps and the cents are the book's columns.

    Args:
        stamps: microseconds since 1970, by row.
        cents: by row.
    """

    def __init__(self, stamps: "array[int]", cents: "array[int]") -> None:
        self._stamp_of = stamps.__getitem__
        self._cents_of = cents.__getitem__
        self._rows = array("I")
        self._cents_before = [0]  # each block; only as many as are certain

    def add(self, row: int) -> None:
        """Insert a row of the columns by its stamp; cheap where stamps come nearly in order."""
        rows = self._rows
        stamp = self._stamp_of(row)
        if not rows or self._stamp_of(rows[-1]) <= stamp:
            rows.append(row)
            return  # the sums are of complete blocks only
        position = bisect_right(rows, stamp, key=self._stamp_of)
        rows.insert(position, row)
        del self._cents_before[position // _BLOCK + 1 :]

    def add_unordered(self, rows: Iterable[int]) -> None:
        """Append rows regardless of their stamps; ``put_in_order`` must follow before anything else."""
        self._rows.extend(rows)

    def put_in_order(self) -> None:
        """Sort all rows, equal stamps by row as ``add`` leaves them, and compute the sums."""
        self._rows = array("I", sorted(self._rows, key=self._stamp_of))
        self._cents_before = [0]
        self._sum_before(len(self._rows))

    def totals(self, from_us: int | None, to_us: int | None) -> tuple[int, int]:
        """Return count and cents of a period, both ends inclusive; None is an open end."""
        rows = self._rows
        first = 0 if from_us is None else bisect_left(rows, from_us, key=self._stamp_of)
        end = len(rows) if to_us is None else bisect_right(rows, to_us, key=self._stamp_of)
        if first >= end:
            return 0, 0
        return end - first, self._sum_before(end) - self._sum_before(first)

    @property
    def first_us(self) -> int | None:
        """The earliest stamp; None if there is none."""
        return self._stamp_of(self._rows[0]) if self._rows else None

    @property
    def memory_bytes(self) -> int:
        """The bytes of the order and its sums."""
        return self._rows.__sizeof__() + self._cents_before.__sizeof__()

    def _sum_before(self, position: int) -> int:
        block = position // _BLOCK
        sums = self._cents_before
        for known in range(len(sums) - 1, block):
            sums.append(sums[known] + self._sum(known * _BLOCK, (known + 1) * _BLOCK))
        return sums[block] + self._sum(block * _BLOCK, position)

    def _sum(self, first: int, end: int) -> int:
        return sum(map(self._cents_of, self._rows[first:end]))
