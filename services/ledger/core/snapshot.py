"""The book as chunks and a manifest: either exactly what was written is read, or nothing.

A chunk is some rows after a digest of everything up to and including them, so that a chunk that is damaged, missing, of
another snapshot or in another place is detected before it is used. Rows never change; a later snapshot of the same book
has the chunks of the earlier one and some more. The manifest names the chunks, and what exactly they are the book of:
which stream, up to which message. It is stored last, which completes the snapshot.
"""

import struct
import sys
from array import array
from hashlib import blake2b

import msgspec

from services.ledger.core.columns import ID_BYTES, Block, BookImage
from services.ledger.core.sums import SumsTaken

FORMAT = 2  # of chunks and manifest; another one is not read
CHUNK_ROWS = 1_400
MANIFEST_BYTES_MAX = CHUNK_BYTES_MAX = 48 * 1024  # the sandbox's nats-server takes no message above 64 KB

_DIGEST_BYTES = 32
_HEADER = struct.Struct("<QI")  # the number of the first row, the number of rows
_ROW_BYTES = ID_BYTES + 2 + 8 + 8


class UnusableError(ValueError):
    """The snapshot must not be used; the text says why. Read the settlements themselves."""


class SourceStream(msgspec.Struct, frozen=True):
    """The stream that a book was made of: another stream may later have its name."""

    created: str


class Position(msgspec.Struct, frozen=True):
    """How far a book has read: the sequence of the last message in it, and that message's fingerprint."""

    seq: int
    fingerprint: str


class Reached(msgspec.Struct, frozen=True):
    """How far a stream was certainly read, perhaps further than any snapshot: what must exist after a restart."""

    source: SourceStream
    position: Position


class ReadCounts(msgspec.Struct, frozen=True):
    """What the ledger counts besides the book, of all messages that it has read; ``missing`` sequences had none."""

    conflicts: int = 0
    unreadable: int = 0
    missing: int = 0
    sums: SumsTaken = SumsTaken()


class Chain(msgspec.Struct, frozen=True):
    """The chunks of one generation: their number, their total rows, and the digest of them all."""

    generation: int
    chunks: int = 0
    rows: int = 0
    size: int = 0
    digest: str = ""


class SnapshotManifest(msgspec.Struct, frozen=True):
    """Everything that makes chunks a snapshot. ``names`` are the processors, by the numbers that the rows have."""

    source: SourceStream
    position: Position
    counts: ReadCounts
    chain: Chain
    names: tuple[str, ...]
    entries: int
    refused: int
    replaced: int
    byteorder: str = sys.byteorder
    format: int = FORMAT


class _Head(msgspec.Struct):
    format: int


_encoder = msgspec.json.Encoder()
_head = msgspec.json.Decoder(_Head)
_manifest = msgspec.json.Decoder(SnapshotManifest)
_reached = msgspec.json.Decoder(Reached)


def fingerprint(subject: str, data: bytes) -> str:
    """Return a digest that differs for any other message that might get this one's sequence."""
    return _digest(subject.encode() + b"\n" + data).hex()


def manifest_of(
    source: SourceStream, position: Position, counts: ReadCounts, chain: Chain, image: BookImage
) -> SnapshotManifest:
    """Return the manifest of an image whose rows are all in the chain."""
    made = image.entries, image.refused, image.replaced
    return SnapshotManifest(source, position, counts, chain, image.names, *made)


def encode_manifest(manifest: SnapshotManifest) -> bytes:
    """Return the manifest, preceded by its digest.

    Raises:
        ValueError: the names of the processors are so many or so long that the message is too large for the bus.
    """
    body = _encoder.encode(manifest)
    data = _digest(body) + body
    if len(data) > MANIFEST_BYTES_MAX:
        raise ValueError(f"a manifest of {len(data)} bytes")
    return data


def decode_manifest(data: bytes) -> SnapshotManifest:
    """Read a manifest.

    Raises:
        UnusableError: it is damaged, or of another format.
    """
    digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if _digest(body) != digest:
        raise UnusableError("the manifest is damaged")
    try:
        if (found := _head.decode(body).format) != FORMAT:
            raise UnusableError(f"it has the format {found}, not {FORMAT}")
        manifest = _manifest.decode(body)
    except msgspec.MsgspecError as error:
        raise UnusableError(f"the manifest cannot be read: {error}") from error
    if manifest.byteorder != sys.byteorder:
        raise UnusableError(f"its numbers are {manifest.byteorder}-endian")
    return manifest


def encode_reached(reached: Reached) -> bytes:
    """Return the record of how far was read, as UTF-8 JSON."""
    return _encoder.encode(reached)


def decode_reached(data: bytes) -> Reached:
    """Read it.

    Raises:
        UnusableError: it is not one.
    """
    try:
        return _reached.decode(data)
    except msgspec.MsgspecError as error:
        raise UnusableError(f"how far was read before cannot be read: {error}") from error


def check_source(found: SourceStream, source: SourceStream) -> None:
    """Check that a snapshot is of this stream, and not of an earlier one with its name.

    Raises:
        UnusableError: it is of another stream.
    """
    if found != source:
        raise UnusableError(f"it is of {found}, and now there is {source}")


def encode_chunk(chain: Chain, block: Block) -> tuple[bytes, Chain]:
    """Return the next chunk of a chain, and the chain with it."""
    columns = (column.tobytes() for column in (block.processors, block.cents, block.stamps))
    body = b"".join((_HEADER.pack(chain.rows, len(block)), block.ids, *columns))
    after = _extended(chain, body, len(block))
    return bytes.fromhex(after.digest) + body, after


def decode_chunk(chain: Chain, data: bytes) -> tuple[Block, Chain]:
    """Read the next chunk of a chain; return its rows, and the chain with it.

    Raises:
        UnusableError: it is damaged, or not the one that comes next.
    """
    body = data[_DIGEST_BYTES:]
    count = (len(body) - _HEADER.size) // _ROW_BYTES
    after = _extended(chain, body, count)
    if bytes.fromhex(after.digest) != data[:_DIGEST_BYTES]:
        raise UnusableError(f"chunk {chain.chunks} is damaged, or another one")
    if _HEADER.unpack_from(body) != (chain.rows, count):
        raise UnusableError(f"chunk {chain.chunks} holds other rows than it should")
    return _block(body, count), after


def _block(body: bytes, count: int) -> Block:
    columns = array("H"), array("q"), array("q")
    start = _HEADER.size + count * ID_BYTES
    ids = body[_HEADER.size : start]
    for column in columns:
        end = start + count * column.itemsize
        column.frombytes(body[start:end])
        start = end
    return Block(ids, *columns)


def _extended(chain: Chain, body: bytes, rows: int) -> Chain:
    # Each digest holds the one before and the generation: a chunk cannot replace one of another snapshot.
    digest = _digest(f"{chain.generation} {chain.digest} ".encode() + body).hex()
    return Chain(chain.generation, chain.chunks + 1, chain.rows + rows, chain.size + len(body) + _DIGEST_BYTES, digest)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_DIGEST_BYTES).digest()
