"""The book by itself: apply rate, bytes per entry, and how long a summary takes, with a million entries.

``python -m benchmarks.ledger_book [entries]``. Stamps arrive as in a drain: nearly in order, now and then some seconds
late, so that most insertions are near the end and some are not. Times are of the CPU, so that they mean the same on a
busy machine. The longest summary is the first, which sums up all that was recorded before it.
"""
# a console program speaks to its console

import gc
import random
import resource
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from services.contracts.events import PaymentSettled
from services.contracts.money import Cents
from services.contracts.stamp import micros_of
from services.ledger.core.book import Book

ENTRIES = 1_000_000
SUMMARIES = 2_000
LIVE_SUMMARIES = 500
LIVE_ENTRIES_BETWEEN = 100

START = datetime(2025, 8, 1, tzinfo=UTC)
ENTRIES_PER_S = 740
JITTER_US = 400_000  # calls in flight end in another order than they began
STRAGGLER_SHARE = 0.001
STRAGGLER_LATE_US = 5_000_000
PROCESSORS = ("default", "fallback")
AMOUNT_CENTS = Cents(1990)
CHUNK = 1_000


def run(entries: int = ENTRIES) -> None:
    """Print the figures."""
    choice = random.Random(1)  # noqa: S311  # figures of two runs must be of the same data
    book = Book(PROCESSORS)
    gc.collect()
    before_kib = _peak_kib()
    chunks_s = list(_fill(book, _events(choice, entries)))
    rss_bytes = (_peak_kib() - before_kib) * 1024
    apply_us = sum(chunks_s) / entries * 1e6
    print(f"entries                 {book.entries:>12,}")
    print(f"apply                   {1e6 / apply_us:>12,.0f} a CPU second, {apply_us:.2f} us each")
    print(f"slowest {CHUNK:,} in a row   {max(chunks_s) * 1e3:>12.2f} ms")
    print(f"bytes per entry         {book.memory_bytes / book.entries:>12.1f} held, {rss_bytes / entries:.1f} of RSS")
    _report("summary, quiet", [_summary_us(book, choice, entries) for _ in range(SUMMARIES)])
    _report("summary, filling", list(_while_filling(book, choice, entries)))
    start_s = time.process_time()
    gc.collect()
    print(f"full garbage collection {(time.process_time() - start_s) * 1e3:>12.2f} ms")


def _events(choice: random.Random, count: int, start: datetime = START) -> Iterator[PaymentSettled]:
    for number in range(count):
        late_us = choice.randrange(JITTER_US)
        if choice.random() < STRAGGLER_SHARE:
            late_us += choice.randrange(STRAGGLER_LATE_US)
        stamp = start + timedelta(microseconds=number * 1_000_000 // ENTRIES_PER_S - late_us)
        payment_id = str(uuid.UUID(int=choice.getrandbits(128)))
        yield PaymentSettled(payment_id, AMOUNT_CENTS, choice.choice(PROCESSORS), stamp, stamp, number + 1)


def _fill(book: Book, events: Iterator[PaymentSettled]) -> Iterator[float]:
    """Record all; yield the CPU seconds that each chunk took to record."""
    while chunk := list(islice(events, CHUNK)):
        start_s = time.process_time()
        for event in chunk:
            book.record(event)
        yield time.process_time() - start_s


def _while_filling(book: Book, choice: random.Random, entries: int) -> Iterator[float]:
    events = _events(choice, LIVE_SUMMARIES * LIVE_ENTRIES_BETWEEN, START + timedelta(seconds=entries / ENTRIES_PER_S))
    for _ in range(LIVE_SUMMARIES):
        for event in islice(events, LIVE_ENTRIES_BETWEEN):
            book.record(event)
        yield _summary_us(book, choice, entries)


def _summary_us(book: Book, choice: random.Random, entries: int) -> float:
    start_us = micros_of(START)
    end_us = start_us + entries * 1_000_000 // ENTRIES_PER_S
    from_us, to_us = sorted(choice.randrange(start_us, end_us) for _ in range(2))
    start_s = time.process_time()
    book.totals(from_us, to_us)
    return (time.process_time() - start_s) * 1e6


def _report(what: str, times_us: list[float]) -> None:
    times_us.sort()
    p50, p99 = times_us[len(times_us) // 2], times_us[len(times_us) * 99 // 100]
    print(f"{what:<23} {p50:>12.1f} us p50, {p99:.1f} us p99, {times_us[-1]:.1f} us most")


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    run(int(sys.argv[1]) if sys.argv[1:] else ENTRIES)
