"""The row of a payment's id: one row for each id ever placed, exactly, in about 24 bytes.

A dict of a million ids would cost 120 bytes each, and be one object per id. Here the ids stand side by side, and a
hash table of row numbers finds them: open addressing with linear probing, split into shards so that growing it
moves a few thousand rows at a time and never holds an answer up.
"""

from array import array

ID_BYTES = 16

_SHARD_BITS = 8
_SHARDS = 1 << _SHARD_BITS
_SLOTS_AT_START = 8
# At most six tenths of the slots are taken: about two and a half looks for an id that is not there.
_TAKEN_MAX = 6
_OF_SLOTS = 10


class RowsById:
    """Rows are numbered from 0 in the order of their placing; a slot holds its row's number plus 1, or 0: free."""

    def __init__(self) -> None:
        self._ids = bytearray()
        self._shards = [_free(_SLOTS_AT_START) for _ in range(_SHARDS)]
        self._taken = [0] * _SHARDS

    def __len__(self) -> int:
        return len(self._ids) // ID_BYTES

    def place(self, packed_id: bytes) -> int:
        """Return the row of an id; an id not seen before gets the next one, ``len`` as it was before."""
        # Clients choose the ids. Python's hash of bytes is keyed anew in every process: nobody can aim at one slot.
        spread = hash(packed_id)
        shard = spread % _SHARDS
        slots = self._shards[shard]
        size = len(slots)
        slot = (spread >> _SHARD_BITS) % size
        while number := slots[slot]:
            if self._ids.startswith(packed_id, (number - 1) * ID_BYTES):
                return number - 1
            slot = (slot + 1) % size
        self._ids += packed_id
        slots[slot] = len(self)
        self._taken[shard] += 1
        if self._taken[shard] * _OF_SLOTS > size * _TAKEN_MAX:
            self._grow(shard)
        return len(self) - 1

    @property
    def memory_bytes(self) -> int:
        """What the ids and the slots take."""
        return self._ids.__sizeof__() + sum(slots.__sizeof__() for slots in self._shards)

    def _grow(self, shard: int) -> None:
        numbers = self._shards[shard]
        size = len(numbers) * 3 // 2  # by half: doubling would leave the table emptier than it need be
        slots = _free(size)
        for number in filter(None, numbers):
            slot = (hash(bytes(self._ids[(number - 1) * ID_BYTES : number * ID_BYTES])) >> _SHARD_BITS) % size
            while slots[slot]:
                slot = (slot + 1) % size
            slots[slot] = number
        self._shards[shard] = slots


def _free(size: int) -> "array[int]":
    slots = array("I")
    slots.frombytes(bytes(size * slots.itemsize))
    return slots
