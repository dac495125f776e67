"""A snapshot that was written is read as the same book."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.stamp import micros_of
from services.ledger.core import snapshot
from services.ledger.core.book import CENTS_MAX, Book
from services.ledger.core.columns import ID_BYTES
from services.ledger.core.snapshot import Chain, Position, Reached, UnusableError
from tests.unit.ledger.snapshot_messages import (
    COUNTS,
    KNOWN,
    POSITION,
    SOURCE,
    START,
    Written,
    chunks_of,
    read,
    refused,
    settled,
    some_book,
    without_deadline,
    write,
)

numbers = st.integers(0, 60)
processors = st.sampled_from([*KNOWN, "third", "fourth"])
amounts = st.sampled_from([1, 1990, 2005, CENTS_MAX])
events = st.builds(settled, numbers, processors, amounts, st.integers(-30, 30)) | st.builds(
    refused, numbers, processors, amounts
)
stories = st.lists(events, max_size=80)


@without_deadline
@given(stories, stories, st.lists(st.integers(0, 80), max_size=3), st.integers(1, 20))
def test_restored_book_behaves_like_the_original(
    before: list[PaymentSettled | PaymentRefused],
    after: list[PaymentSettled | PaymentRefused],
    images_at: list[int],
    rows: int,
) -> None:
    """Written at once or in several steps, with refusals and conflicts: equal totals and equal reports from then on."""
    book, chunks, chain = Book(KNOWN), [], Chain(5)
    for number, event in enumerate(before):
        book.record(event)
        if number in images_at:
            more, chain = chunks_of(book.image(), chain, rows)
            chunks += more
    more, chain = chunks_of(book.image(), chain, rows)
    manifest = snapshot.manifest_of(SOURCE, POSITION, COUNTS, chain, book.image())
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


def test_many_rows_in_any_order_are_restored() -> None:
    """Enough for many blocks of sums, a grown index and full chunks; a second snapshot of it is the same."""
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


def test_empty_book_is_restored() -> None:
    """After a clearing only the position read up to is left."""
    written = write(Book(KNOWN))
    assert written.chunks == []
    assert read(written).totals(None, None) == Book(KNOWN).totals(None, None)


def test_image_does_not_change() -> None:
    """Whatever is recorded, replaced or cleared before its rows are copied."""
    book = some_book()
    image, written = book.image(), write(book)
    book.record(settled(30))
    book.record(settled(500))
    book.clear()
    book.record(settled(600, "third"))
    assert chunks_of(image, Chain(5), 7)[0] == written.chunks
    assert book.image().clearings != image.clearings


def test_manifest_names_what_it_describes() -> None:
    """Stream, position, counters and processors are read as they were written."""
    manifest = snapshot.decode_manifest(write(some_book()).manifest)
    assert (manifest.source, manifest.position, manifest.counts) == (SOURCE, POSITION, COUNTS)
    assert manifest.names == ("default", "third", "fallback")
    assert (manifest.entries, manifest.refused, manifest.chain.rows) == (31, 1, 33)


def test_the_position_read_up_to_is_decoded_as_it_was_encoded() -> None:
    """Anything else is refused."""
    reached = Reached(SOURCE, Position(700, "x"))
    assert snapshot.decode_reached(snapshot.encode_reached(reached)) == reached
    with pytest.raises(UnusableError):
        snapshot.decode_reached(b"{}")


def test_fingerprint_differs_for_different_messages() -> None:
    """For another subject and for other data."""
    one = snapshot.fingerprint("a.b", b"c")
    assert one == snapshot.fingerprint("a.b", b"c")
    assert len({one, snapshot.fingerprint("a.b", b"d"), snapshot.fingerprint("a", b".bc")}) == 3


def test_a_block_has_one_id_per_row() -> None:
    """There are as many ids as rows in its other columns."""
    block = some_book().image().block(3, 4)
    assert (len(block), len(block.ids)) == (4, 4 * ID_BYTES)
