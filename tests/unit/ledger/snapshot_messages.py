"""Books, and their snapshots as the stored messages."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import HealthCheck, settings

from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.money import Cents
from services.ledger.core import snapshot
from services.ledger.core.book import Book
from services.ledger.core.columns import BookImage
from services.ledger.core.restoring import Restoring
from services.ledger.core.snapshot import Chain, Position, ReadCounts, SourceStream

without_deadline = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # for slow machines
START = datetime(2025, 8, 1, 12, 0, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
KNOWN = ("default", "fallback")
SOURCE = SourceStream("2025-08-01T11:00:00.123456789Z")
POSITION = Position(700, snapshot.fingerprint("settlements.settled.default.x", b"{}"))
COUNTS = ReadCounts(conflicts=3, unreadable=2)


def settled(number: int, processor: str = "default", cents: int = 1990, micros: int = 0) -> PaymentSettled:
    """Return a settlement of the payment with that number."""
    return PaymentSettled(payment_id(number), Cents(cents), processor, START + micros * MICROSECOND, START, 1)


def refused(number: int, processor: str = "default", cents: int = 1990) -> PaymentRefused:
    """Return a refusal of the payment with that number."""
    return PaymentRefused(payment_id(number), Cents(cents), processor, "no such amount", START, 1)


def payment_id(number: int) -> str:
    """Return the id of the payment with that number."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


@dataclass
class Written:
    """A snapshot: its manifest and its chunks."""

    manifest: bytes
    chunks: list[bytes]


def chunks_of(image: BookImage, chain: Chain, rows: int) -> tuple[list[bytes], Chain]:
    """Return the chunks that the chain lacks, of up to ``rows`` rows each, and the chain with them."""
    chunks = []
    while chain.rows < image.rows:
        data, chain = snapshot.encode_chunk(chain, image.block(chain.rows, rows))
        chunks.append(data)
    return chunks, chain


def write(book: Book, rows: int = 7, generation: int = 5) -> Written:
    """Return a snapshot of the book's current state."""
    image = book.image()
    chunks, chain = chunks_of(image, Chain(generation), rows)
    return Written(snapshot.encode_manifest(snapshot.manifest_of(SOURCE, POSITION, COUNTS, chain, image)), chunks)


def read(written: Written) -> Book:
    """Return the book restored from a snapshot, or raise UnusableError."""
    book = Book(KNOWN)
    restoring = Restoring(book, snapshot.decode_manifest(written.manifest))
    for chunk in written.chunks:
        restoring.take(chunk)
    restoring.end()
    return book


def some_book(count: int = 30) -> Book:
    """Return a book of three processors, with refusals and a payment that was both refused and settled."""
    book = Book(KNOWN)
    for number in range(count):
        book.record(settled(number, ("default", "third", "fallback")[number % 3], 1 + number, -number))
    book.record(refused(count))
    book.record(refused(count + 1))
    book.record(settled(count + 1))
    return book


def with_fields(**fields: object) -> bytes:
    """Return a valid manifest with these fields replaced."""
    manifest = snapshot.decode_manifest(write(some_book()).manifest)
    return snapshot.encode_manifest(msgspec.structs.replace(manifest, **fields))
