"""Checksums of what was counted, one for each stretch of sequences: read again, a stretch must have the same.

A message's number is a digest of its sequence and data; a stretch's is the sum of its messages'. So a stretch can be
summed message by message, two neighbours can be merged as the stream grows, and neither takes more
than a number: a stream of any length has some hundreds of them, held in snapshots too. They protect against
damage, not against forged messages that fit the sums.
"""

from dataclasses import dataclass
from hashlib import blake2b

import msgspec

DIGEST_BYTES = 12
STRETCHES_MAX = 1024  # in hexadecimal 25 KB of a manifest that may have 48
LENGTH_AT_START = 64  # 16,384 when there are ten millions
_MODULUS = 1 << 8 * DIGEST_BYTES


class SumsTaken(msgspec.Struct, frozen=True):
    """The sums of one moment, in hexadecimal: of ``length`` sequences each, from 1 on; the last may be incomplete."""

    length: int = LENGTH_AT_START
    sums: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SummedStretch:
    """Sequences ``first`` to ``last``, both inclusive, and the sum of the messages that were counted there."""

    first: int
    last: int
    sum: int


def number_of(seq: int, data: bytes) -> int:
    """Return the number of one message: 96 bits of a digest over data and sequence."""
    return int.from_bytes(blake2b(data, digest_size=DIGEST_BYTES, salt=seq.to_bytes(8, "big")).digest())


def added(total: int, number: int) -> int:
    """Return the sum with one more message, modulo 2 to the 96."""
    return (total + number) % _MODULUS


class Sums:
    """The sums of all messages counted so far, in the order of their sequences."""

    def __init__(self, taken: SumsTaken | None = None) -> None:
        taken = SumsTaken() if taken is None else taken
        self._length = taken.length
        self._sums = [int(text, 16) for text in taken.sums]

    def add(self, seq: int, data: bytes) -> None:
        """Add the message at ``seq``; where STRETCHES_MAX would be exceeded, neighbours are joined first."""
        index = (seq - 1) // self._length
        while index >= STRETCHES_MAX:
            self._join_neighbours()
            index = (seq - 1) // self._length
        sums = self._sums
        while len(sums) <= index:
            sums.append(0)
        sums[index] = added(sums[index], number_of(seq, data))

    def taken(self) -> SumsTaken:
        """Return the sums of now for a snapshot; ``Sums(taken)`` continues from them."""
        return SumsTaken(self._length, tuple(f"{each:x}" for each in self._sums))

    def stretches(self, last_seq: int) -> list[SummedStretch]:
        """Return the stretches as of now, oldest first; ``last_seq``: the last message added."""
        length = self._length
        starts = range(1, last_seq + 1, length)
        sums = self._sums + [0] * (len(starts) - len(self._sums))  # of sequences without a message
        return [SummedStretch(first, min(first + length - 1, last_seq), sums[n]) for n, first in enumerate(starts)]

    def _join_neighbours(self) -> None:
        pairs = zip(self._sums[::2], [*self._sums[1::2], 0], strict=False)
        self._sums = [added(one, other) for one, other in pairs]
        self._length *= 2


def newest_first(stretches: list[SummedStretch], below: int, sequences: int) -> list[SummedStretch]:
    """Return the newest stretches that begin below a sequence, at least one, of at most about ``sequences``."""
    chosen: list[SummedStretch] = []
    for stretch in reversed(stretches):
        if stretch.first >= below:
            continue
        if chosen and chosen[0].last - stretch.first >= sequences:
            break
        chosen.append(stretch)
    return chosen
