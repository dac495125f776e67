"""The columns of the book for readers: an image of one moment, and blocks of rows.

Rows are only ever appended. The rows below an image's number therefore never change, and can be copied bit
by bit while the book changes; a cleared book starts new columns and does not touch these.
"""

from array import array  # noqa: TC003  # the fields' types
from dataclasses import dataclass

ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows: each column's part, ids side by side."""

    ids: bytes
    processors: "array[int]"
    cents: "array[int]"
    stamps: "array[int]"

    def __len__(self) -> int:
        return len(self.stamps)


@dataclass(frozen=True, slots=True)
class BookImage:
    """The book at one moment.

    ``replaced`` rows have an id that a later row has too. Images that differ in ``clearings`` share no row.
    """

    ids: bytearray
    processors: "array[int]"
    cents: "array[int]"
    stamps: "array[int]"
    names: tuple[str, ...]
    rows: int
    entries: int
    refused: int
    replaced: int
    clearings: int

    def block(self, first: int, count: int) -> Block:
        """Return a copy of at most that many rows, from ``first`` on."""
        end = min(first + count, self.rows)
        return Block(
            bytes(self.ids[first * ID_BYTES : end * ID_BYTES]),
            self.processors[first:end],
            self.cents[first:end],
            self.stamps[first:end],
        )
