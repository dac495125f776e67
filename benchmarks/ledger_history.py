"""What an answer about a day of history costs, and how long everything else in the ledger waits for it.

``python -m benchmarks.ledger_history [settlements]``, of one day; 43,200,000 are 500 per second, and need 6 GB. The
longest turn of the event loop is the longest that another task waits while an answer is computed. Both are CPU times,
which mean the same on a busy machine.
"""

import asyncio
import os
import random
import sys
import time
import tracemalloc
from array import array
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from services.contracts.history import SAMPLE_EVERY_S, HistoryAsked, VitalsSampled, encode
from services.contracts.processor import Processor
from services.contracts.stamp import micros_of, stamp_from_micros
from services.ledger.core.book import Book
from services.ledger.core.columns import Block
from services.ledger.core.samples import SAMPLES_MAX, Samples
from services.ledger.flow.history import History

SETTLEMENTS = 4_320_000
ASKED = (
    HistoryAsked(10, 30),
    HistoryAsked(10, 90),
    HistoryAsked(20, 180),
    HistoryAsked(120, 180),
    HistoryAsked(300, 288),
)
TIMES = 20
ROWS = 100_000
DAY_US = 86_400_000_000
NOW_US = micros_of(datetime.fromisoformat("2025-08-02T00:00:02+00:00"))
FALLBACK_SHARE = 0.1
CENTS = (100, 100_000)
PROCESSORS = (
    Processor("default", "http://default", Decimal("0.05")),
    Processor("fallback", "http://fallback", Decimal("0.15")),
)


def run(settlements: int = SETTLEMENTS) -> None:
    """Print the figures."""
    choice = random.Random(1)  # noqa: S311  # figures of two runs must be of the same data
    book = Book([processor.name for processor in PROCESSORS])
    book.restore([processor.name for processor in PROCESSORS], settlements, 0)
    for block in _blocks(choice, settlements):
        book.extend(block)
    book.put_in_order()
    tracemalloc.start()
    samples = _samples(choice)
    print(f"settlements of a day {book.entries:>14,}")
    print(f"samples              {len(samples):>14,}, {tracemalloc.get_traced_memory()[0] / 1024**2:.1f} MiB")
    tracemalloc.stop()
    asyncio.run(_measure(book, samples))


def _blocks(choice: random.Random, count: int) -> Iterator[Block]:
    for first in range(0, count, ROWS):
        rows = range(first, min(first + ROWS, count))
        yield Block(
            os.urandom(16 * len(rows)),
            array("H", (choice.random() < FALLBACK_SHARE for _ in rows)),
            array("q", (choice.randrange(*CENTS) for _ in rows)),
            array("q", (NOW_US - DAY_US + row * DAY_US // count for row in rows)),
        )


def _samples(choice: random.Random) -> Samples:
    samples = Samples()
    for number in range(SAMPLES_MAX):
        at = stamp_from_micros(NOW_US // 10_000_000 * 10_000_000 - number * SAMPLE_EVERY_S * 1_000_000)
        rate, p50_ms, p99_ms = 500 * choice.random(), 2 * choice.random(), 20 * choice.random()
        samples.put(VitalsSampled(at, rate, p50_ms, p99_ms, choice.randrange(100), 0))
    return samples


async def _measure(book: Book, samples: Samples) -> None:
    ledger = SimpleNamespace(book=book, settlements=SimpleNamespace(is_current=True))
    clock = SimpleNamespace(now_us=lambda: NOW_US)
    history = History(cast("Any", ledger), samples, PROCESSORS, cast("Any", clock))
    for asked in ASKED:
        took_ms: list[float] = []
        turns_ms: list[float] = []
        for _ in range(TIMES):
            turns = asyncio.create_task(_turns_ms(turns_ms))
            await asyncio.sleep(0)
            start_s = time.process_time()
            answered = await history.answer(asked)
            took_ms.append((time.process_time() - start_s) * 1e3)
            turns.cancel()
        size = 0 if answered is None else len(encode(answered))
        took, turn = sorted(took_ms), sorted(turns_ms)
        print(
            f"{asked.steps:>4} steps of {asked.step_s:>3} s  {took[len(took) // 2]:>6.2f} ms, {took[-1]:.2f} at most; "
            f"longest turn {turn[len(turn) * 99 // 100]:.2f} ms p99, {turn[-1]:.2f} at most; {size:,} bytes"
        )


async def _turns_ms(turns: list[float]) -> None:
    """Record how long each turn of the event loop is, until cancelled."""
    while True:
        start_s = time.process_time()
        await asyncio.sleep(0)
        turns.append((time.process_time() - start_s) * 1e3)


if __name__ == "__main__":
    run(int(sys.argv[1]) if sys.argv[1:] else SETTLEMENTS)
