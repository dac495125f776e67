"""The row of a payment's id: the newest row inserted for each id, exactly, in about 24 bytes.

A dict of a million ids would cost 120 bytes each, and be one object per id. Here the ids are stored side by side, and a
hash table of row numbers finds them: open addressing with linear probing, split into shards so that growing it
moves a few thousand rows at a time and never delays an answer.
"""

from array import array
from struct import Struct

from services.ledger.core.columns import ID_BYTES

_IDS = Struct(f"{ID_BYTES}s")
_SHARD_BITS = 8
_SHARDS = 1 << _SHARD_BITS
_SHARD_MASK = _SHARDS - 1
_SLOTS_AT_START = 8
# At most six tenths of the slots are taken: about two and a half probes for an absent id.
_TAKEN_MAX = 6
_OF_SLOTS = 10


class RowsById:
    """Rows are numbered from 0 in the order of insertion; a slot holds its row's number plus 1, or 0: free.

    Args:
        expected: the number of rows to reserve room for.
    """

    def __init__(self, expected: int = 0) -> None:
        self.ids = bytearray()  # of all rows; append only
        # As full as growing leaves a shard on average; chance puts more into some, and these grow.
        size = max(_SLOTS_AT_START, 2 * expected // _SHARDS)
        self._shards = [_free(size) for _ in range(_SHARDS)]
        self._room = [_room(size)] * _SHARDS

    def __len__(self) -> int:
        return len(self.ids) // ID_BYTES

    def place(self, packed_id: bytes) -> int:
        """Return the row of an id; a new id gets the next one, which is the previous ``len``."""
        shard, slot = self._find(packed_id)
        if number := self._shards[shard][slot]:
            return number - 1
        self.ids += packed_id
        self._take(shard, slot)
        return len(self) - 1

    def place_anew(self, packed_id: bytes) -> int:
        """Give an id the next row, whatever row it had before; return the new one."""
        shard, slot = self._find(packed_id)
        self.ids += packed_id
        if self._shards[shard][slot]:
            self._shards[shard][slot] = len(self)
        else:
            self._take(shard, slot)
        return len(self) - 1

    def place_new(self, ids: bytes) -> None:
        """Give each of many ids the next row; all must be new and different."""
        number = len(self)
        self.ids += ids
        # The whole restart waits for this loop. Comparing no id with another, which would mean reading random places
        # in many megabytes, halves its time.
        shards, room = self._shards, self._room
        for (packed_id,) in _IDS.iter_unpack(ids):
            spread = hash(packed_id)
            shard = spread & _SHARD_MASK
            slots = shards[shard]
            size = len(slots)
            slot = (spread >> _SHARD_BITS) % size
            while slots[slot]:
                slot = (slot + 1) % size
            number += 1
            slots[slot] = number
            room[shard] -= 1
            if room[shard] < 0:
                self._grow(shard)

    @property
    def memory_bytes(self) -> int:
        """The bytes of the ids and the slots."""
        return self.ids.__sizeof__() + sum(slots.__sizeof__() for slots in self._shards)

    def _find(self, packed_id: bytes) -> tuple[int, int]:
        """Return the shard and the slot that an id has, or would get."""
        # Clients choose the ids. Python's hash of bytes has a new key in every process: nobody can aim at one slot.
        spread = hash(packed_id)
        shard = spread & _SHARD_MASK
        slots = self._shards[shard]
        size = len(slots)
        slot = (spread >> _SHARD_BITS) % size
        while number := slots[slot]:
            if self.ids.startswith(packed_id, (number - 1) * ID_BYTES):
                break
            slot = (slot + 1) % size
        return shard, slot

    def _take(self, shard: int, slot: int) -> None:
        """Put the last row into a free slot."""
        self._shards[shard][slot] = len(self)
        self._room[shard] -= 1
        if self._room[shard] < 0:
            self._grow(shard)

    def _grow(self, shard: int) -> None:
        numbers = self._shards[shard]
        size = len(numbers) * 3 // 2  # by half: doubling would leave the table emptier than necessary
        slots = _free(size)
        for number in filter(None, numbers):
            slot = (hash(bytes(self.ids[(number - 1) * ID_BYTES : number * ID_BYTES])) >> _SHARD_BITS) % size
            while slots[slot]:
                slot = (slot + 1) % size
            slots[slot] = number
        self._shards[shard] = slots
        self._room[shard] += _room(size) - _room(len(numbers))


def _room(size: int) -> int:
    """Return how many of ``size`` slots may be taken."""
    return size * _TAKEN_MAX // _OF_SLOTS


def _free(size: int) -> "array[int]":
    slots = array("I")
    slots.frombytes(bytes(size * slots.itemsize))
    return slots
