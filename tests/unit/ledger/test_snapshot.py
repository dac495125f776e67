"""Snapshots: what was written comes back as the same book, and whatever is not exactly that is refused."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.money import Cents
from services.contracts.stamp import micros_of
from services.ledger.core import snapshot
from services.ledger.core.book import CENTS_MAX, Book
from services.ledger.core.columns import ID_BYTES, Picture
from services.ledger.core.restoring import Restoring
from services.ledger.core.snapshot import Chain, Counts, Manifest, Position, Reached, Source, UnusableError

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # whatever the machine
START = datetime(2025, 8, 1, 12, 0, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
KNOWN = ("default", "fallback")
SOURCE = Source("2025-08-01T11:00:00.123456789Z")
POSITION = Position(700, snapshot.fingerprint("settlements.settled.default.x", b"{}"))
COUNTS = Counts(conflicts=3, unreadable=2)


def settled(number: int, processor: str = "default", cents: int = 1990, micros: int = 0) -> PaymentSettled:
    """Return a settlement of the payment with that number."""
    return PaymentSettled(payment_id(number), Cents(cents), processor, START + micros * MICROSECOND, START, 1)


def refused(number: int, processor: str = "default", cents: int = 1990) -> PaymentRefused:
    """Return a refusal of the payment with that number."""
    return PaymentRefused(payment_id(number), Cents(cents), processor, "no such amount", START, 1)


def payment_id(number: int) -> str:
    """Return an id."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


@dataclass
class Written:
    """A snapshot: its manifest and its chunks."""

    manifest: bytes
    chunks: list[bytes]


def chunks_of(picture: Picture, chain: Chain, rows: int) -> tuple[list[bytes], Chain]:
    """Return the chunks, of so many rows each, that the chain does not have yet, and the chain with them."""
    chunks = []
    while chain.rows < picture.rows:
        data, chain = snapshot.encode_chunk(chain, picture.block(chain.rows, rows))
        chunks.append(data)
    return chunks, chain


def write(book: Book, rows: int = 7, generation: int = 5) -> Written:
    """Return a snapshot of a book as it is."""
    picture = book.picture()
    chunks, chain = chunks_of(picture, Chain(generation), rows)
    return Written(snapshot.encode_manifest(snapshot.manifest_of(SOURCE, POSITION, COUNTS, chain, picture)), chunks)


def read(written: Written) -> Book:
    """Return the book that a snapshot makes, or raise UnusableError."""
    book = Book(KNOWN)
    restoring = Restoring(book, snapshot.decode_manifest(written.manifest))
    for chunk in written.chunks:
        restoring.take(chunk)
    restoring.end()
    return book


def some_book(count: int = 30) -> Book:
    """Return a book of three processors with refusals and a payment that was refused and settled all the same."""
    book = Book(KNOWN)
    for number in range(count):
        book.record(settled(number, ("default", "third", "fallback")[number % 3], 1 + number, -number))
    book.record(refused(count))
    book.record(refused(count + 1))
    book.record(settled(count + 1))
    return book


numbers = st.integers(0, 60)
processors = st.sampled_from([*KNOWN, "third", "fourth"])
amounts = st.sampled_from([1, 1990, 2005, CENTS_MAX])
events = st.builds(settled, numbers, processors, amounts, st.integers(-30, 30)) | st.builds(
    refused, numbers, processors, amounts
)
stories = st.lists(events, max_size=80)


@unhurried
@given(stories, stories, st.lists(st.integers(0, 80), max_size=3), st.integers(1, 20))
def test_restored_book_is_the_book_for_all_that_follows(
    before: list[PaymentSettled | PaymentRefused],
    after: list[PaymentSettled | PaymentRefused],
    pictures_at: list[int],
    rows: int,
) -> None:
    """Written in one go or in several, with refusals and conflicts: the same totals, the same reports ever after."""
    book, chunks, chain = Book(KNOWN), [], Chain(5)
    for number, event in enumerate(before):
        book.record(event)
        if number in pictures_at:
            more, chain = chunks_of(book.picture(), chain, rows)
            chunks += more
    more, chain = chunks_of(book.picture(), chain, rows)
    manifest = snapshot.manifest_of(SOURCE, POSITION, COUNTS, chain, book.picture())
    restored = read(Written(snapshot.encode_manifest(manifest), chunks + more))
    for event in [None, *after]:
        if event is not None:
            assert restored.record(event) == book.record(event)
        assert (restored.entries, restored.refused) == (book.entries, book.refused)
        assert list(restored.totals(None, None).items()) == list(book.totals(None, None).items())
        for micros in (-31, -3, 0, 8):
            stamp = micros_of(START) + micros
            assert restored.totals(stamp, None) == book.totals(stamp, None)
            assert restored.totals(stamp, stamp + 5) == book.totals(stamp, stamp + 5)


def test_many_rows_in_any_order_come_back() -> None:
    """Enough for many blocks of sums, a grown index and chunks of full size; a second snapshot of it is the same."""
    book, choice = Book(KNOWN), random.Random(1)  # noqa: S311  # the same in every run
    for number in range(5_000):
        book.record(settled(number, KNOWN[number % 2], 1 + number, choice.randrange(10_000)))
    written = write(book, snapshot.CHUNK_ROWS)
    assert all(len(chunk) <= snapshot.CHUNK_BYTES_MAX for chunk in written.chunks)
    restored = read(written)
    assert write(restored, snapshot.CHUNK_ROWS) == written
    for micros in range(0, 10_000, 777):
        period = micros_of(START) + micros, micros_of(START) + micros + 2_000
        assert restored.totals(*period) == book.totals(*period)


def test_empty_book_comes_back() -> None:
    """Of what was cleared nothing is left but how far was read."""
    written = write(Book(KNOWN))
    assert written.chunks == []
    assert read(written).totals(None, None) == Book(KNOWN).totals(None, None)


def test_picture_stays_what_it_was() -> None:
    """Whatever is recorded, replaced or cleared before its rows are copied."""
    book = some_book()
    picture, written = book.picture(), write(book)
    book.record(settled(30))
    book.record(settled(500))
    book.clear()
    book.record(settled(600, "third"))
    assert chunks_of(picture, Chain(5), 7)[0] == written.chunks
    assert book.picture().clearings != picture.clearings


def test_manifest_says_what_it_is_of() -> None:
    """Stream, position, counters and processors come back as they were written."""
    manifest = snapshot.decode_manifest(write(some_book()).manifest)
    assert (manifest.source, manifest.position, manifest.counts) == (SOURCE, POSITION, COUNTS)
    assert manifest.names == ("default", "third", "fallback")
    assert (manifest.entries, manifest.refused, manifest.chain.rows) == (31, 1, 33)


@unhurried
@given(st.data())
def test_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    """In the manifest or in any chunk, in a digest or in a number."""
    written = write(some_book())
    messages = [written.manifest, *written.chunks]
    number = data.draw(st.integers(0, len(messages) - 1))
    at = data.draw(st.integers(0, len(messages[number]) - 1))
    damaged = bytearray(messages[number])
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    messages[number] = bytes(damaged)
    with pytest.raises(UnusableError):
        read(Written(messages[0], messages[1:]))


@unhurried
@given(st.data())
def test_half_written_message_is_refused(data: st.DataObject) -> None:
    """Cut short anywhere, down to nothing at all."""
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


def test_chunk_that_is_whole_but_another_one_is_refused() -> None:
    """In another's place, of another generation, or of a book that differs in one cent."""
    written, other = write(some_book()), Book(KNOWN)
    swapped = [written.chunks[1], written.chunks[0], *written.chunks[2:]]
    other.record(settled(0, "default", 2))
    strange = [write(some_book(), generation=6).chunks[0], write(other).chunks[0]]
    for chunks in (swapped, [*written.chunks, written.chunks[0]], *([one, *written.chunks[1:]] for one in strange)):
        with pytest.raises(UnusableError):
            read(Written(written.manifest, chunks))


def with_fields(**fields: object) -> bytes:
    """Return a manifest, whole in itself, with other fields."""
    manifest = snapshot.decode_manifest(write(some_book()).manifest)
    return snapshot.encode_manifest(msgspec.structs.replace(manifest, **fields))


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
    """Older, newer, of another machine, or no manifest; the log will say which."""
    with pytest.raises(UnusableError, match=reason):
        snapshot.decode_manifest(manifest)


def test_counts_that_the_rows_do_not_make_are_refused() -> None:
    """All digests are right, and still it is not the book that was written: then a bug wrote it."""
    written = write(some_book())
    for fields in ({"entries": 30}, {"names": ("default", "third")}):
        with pytest.raises(UnusableError):
            read(Written(with_fields(**fields), written.chunks))


def test_snapshot_of_another_stream_is_refused() -> None:
    """Created anew, if only a moment later."""
    manifest = snapshot.decode_manifest(write(some_book()).manifest)
    snapshot.check_source(manifest.source, SOURCE)
    with pytest.raises(UnusableError):
        snapshot.check_source(manifest.source, Source("2025-08-01T11:00:00.123456780Z"))


def test_how_far_was_read_comes_back_as_it_was_written() -> None:
    """And what is no such note is refused."""
    reached = Reached(SOURCE, Position(700, "x"))
    assert snapshot.decode_reached(snapshot.encode_reached(reached)) == reached
    with pytest.raises(UnusableError):
        snapshot.decode_reached(b"{}")


def test_fingerprint_differs_for_different_messages() -> None:
    """By subject and by data."""
    one = snapshot.fingerprint("a.b", b"c")
    assert one == snapshot.fingerprint("a.b", b"c")
    assert len({one, snapshot.fingerprint("a.b", b"d"), snapshot.fingerprint("a", b".bc")}) == 3


def test_manifest_that_is_no_message_for_the_bus_is_not_written() -> None:
    """Rather no snapshot than one that NATS turns down."""
    manifest: Manifest = snapshot.decode_manifest(write(some_book()).manifest)
    with pytest.raises(ValueError, match="bytes"):
        snapshot.encode_manifest(msgspec.structs.replace(manifest, names=("x" * 50_000,)))


def test_ids_stand_side_by_side() -> None:
    """A block's ids are as long as its other columns say."""
    block = some_book().picture().block(3, 4)
    assert (len(block), len(block.ids)) == (4, 4 * ID_BYTES)
