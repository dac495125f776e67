"""Damage to the blocks in which nats-server stores SETTLEMENTS, as by a faulty disk or an incomplete copy."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

_HEAD = struct.Struct("<IQqH")  # length with a flag, sequence, time, length of the subject
_LENGTH = 0x7FFFFFFF
_SUBJECT_AT = _HEAD.size


@dataclass(frozen=True)
class Stored:
    """One record of a block: its offset and its sequence."""

    at: int
    seq: int
    subject_length: int


def blocks(store: Path) -> list[Path]:
    """Return the blocks of SETTLEMENTS, oldest first."""
    return sorted(store.glob("jetstream/*/streams/SETTLEMENTS/msgs/*.blk"), key=lambda block: int(block.stem))


def records(block: Path) -> list[Stored]:
    """Return the records of an undamaged block."""
    data, at, found = block.read_bytes(), 0, []
    while at < len(data):
        length, seq, _, subject_length = _HEAD.unpack_from(data, at)
        found.append(Stored(at, seq, subject_length))
        at += length & _LENGTH
    return found


def flip_in_payload(block: Path) -> int:
    """Flip one bit in the data of the middle record; return its sequence."""
    record = _middle(block)
    _flip(block, record.at + _SUBJECT_AT + record.subject_length + 80)
    return record.seq


def flip_in_length(block: Path) -> int:
    """Flip one bit in the length of the middle record; return its sequence."""
    record = _middle(block)
    _flip(block, record.at + 1)
    return record.seq


def truncate(block: Path) -> int:
    """Truncate the block inside its middle record; return the record's sequence."""
    record = _middle(block)
    os.truncate(block, record.at + _SUBJECT_AT + 10)
    return record.seq


def _middle(block: Path) -> Stored:
    found = records(block)
    return found[len(found) // 2]


def _flip(block: Path, at: int) -> None:
    data = bytearray(block.read_bytes())
    data[at] ^= 0b100
    with block.open("r+b") as file:
        file.seek(at)
        file.write(data[at : at + 1])
