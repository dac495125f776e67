"""A snapshot that is damaged, incomplete, in another format or of another stream is refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.core import snapshot
from services.ledger.core.book import Book
from services.ledger.core.snapshot import SnapshotManifest, SourceStream, UnusableError
from tests.unit.ledger.snapshot_messages import (
    KNOWN,
    SOURCE,
    Written,
    read,
    settled,
    some_book,
    with_fields,
    without_deadline,
    write,
)


@without_deadline
@given(st.data())
def test_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    """In the manifest or any chunk, in a digest or a number."""
    written = write(some_book())
    messages = [written.manifest, *written.chunks]
    number = data.draw(st.integers(0, len(messages) - 1))
    at = data.draw(st.integers(0, len(messages[number]) - 1))
    damaged = bytearray(messages[number])
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    messages[number] = bytes(damaged)
    with pytest.raises(UnusableError):
        read(Written(messages[0], messages[1:]))


@without_deadline
@given(st.data())
def test_half_written_message_is_refused(data: st.DataObject) -> None:
    """Truncated anywhere, down to nothing."""
    written = write(some_book())
    messages = [written.manifest, *written.chunks]
    number = data.draw(st.integers(0, len(messages) - 1))
    messages[number] = messages[number][: data.draw(st.integers(0, len(messages[number]) - 1))]
    with pytest.raises(UnusableError):
        read(Written(messages[0], messages[1:]))


@pytest.mark.parametrize("missing", range(5))
def test_missing_chunk_is_refused(missing: int) -> None:
    """The first, the last, or one between."""
    written = write(some_book())
    assert len(written.chunks) == 5
    del written.chunks[missing]
    with pytest.raises(UnusableError):
        read(written)


def test_complete_chunk_of_another_snapshot_is_refused() -> None:
    """From another position, of another generation, or of a book that differs by one cent."""
    written, other = write(some_book()), Book(KNOWN)
    swapped = [written.chunks[1], written.chunks[0], *written.chunks[2:]]
    other.record(settled(0, "default", 2))
    strange = [write(some_book(), generation=6).chunks[0], write(other).chunks[0]]
    for chunks in (swapped, [*written.chunks, written.chunks[0]], *([one, *written.chunks[1:]] for one in strange)):
        with pytest.raises(UnusableError):
            read(Written(written.manifest, chunks))


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (with_fields(format=0), "format 0"),
        (with_fields(format=3), "format 3"),
        (with_fields(byteorder="middle"), "middle-endian"),
        (with_fields(entries="many"), "cannot be read"),
        (snapshot._digest(b"[]") + b"[]", "cannot be read"),
        (b"", "damaged"),
    ],
)
def test_manifest_of_another_kind_is_refused(manifest: bytes, reason: str) -> None:
    """Older, newer, of another architecture, or no manifest; the log says which."""
    with pytest.raises(UnusableError, match=reason):
        snapshot.decode_manifest(manifest)


def test_counts_that_differ_from_the_rows_are_refused() -> None:
    """All digests are right, but it is not the book that was written: a bug wrote it."""
    written = write(some_book())
    for fields in ({"entries": 30}, {"names": ("default", "third")}):
        with pytest.raises(UnusableError):
            read(Written(with_fields(**fields), written.chunks))


def test_snapshot_of_another_stream_is_refused() -> None:
    """Even if that stream was created only a moment later."""
    manifest = snapshot.decode_manifest(write(some_book()).manifest)
    snapshot.check_source(manifest.source, SOURCE)
    with pytest.raises(UnusableError):
        snapshot.check_source(manifest.source, SourceStream("2025-08-01T11:00:00.123456780Z"))


def test_manifest_too_large_for_the_bus_is_not_written() -> None:
    """No snapshot is better than one that NATS rejects."""
    manifest: SnapshotManifest = snapshot.decode_manifest(write(some_book()).manifest)
    with pytest.raises(ValueError, match="bytes"):
        snapshot.encode_manifest(msgspec.structs.replace(manifest, names=("x" * 50_000,)))
