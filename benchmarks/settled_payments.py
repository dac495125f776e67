"""Settlements in SETTLEMENTS, and their totals for any period, known without a book."""

import random
import uuid
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import accumulate

from services.bus.jetstream import api
from services.bus.jetstream.publish import StoredAt, store
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.events import PaymentSettled, encode
from services.contracts.money import Cents
from services.contracts.stamp import micros_of, stamp_from_micros

START_US = micros_of(datetime(2025, 8, 1, tzinfo=UTC))
EVERY_US = 1_351  # 740 a second, as in the challenge's load
JITTER_US = 400_000  # calls in flight end in another order than they began
STRAGGLER_SHARE = 0.001
STRAGGLER_LATE_US = 5_000_000
TOGETHER = 200
AMOUNT_CENTS_MAX = 100_000


class SettledPayments:
    """Makes settlements, stores them, and remembers stamps and cents of each processor."""

    def __init__(self, *processors: str) -> None:
        self.processors = processors or ("default", "fallback")
        self._choice = random.Random(1)  # noqa: S311  # figures of two runs must be of the same data
        self._stored = 0
        self._columns = {name: (array("q"), array("q")) for name in self.processors}
        self._sorted: dict[str, tuple[list[int], list[int]]] = {}

    @property
    def count(self) -> int:
        """How many are stored."""
        return self._stored

    async def publish(self, bus: Bus, count: int) -> AsyncIterator[int]:
        """Store so many more, some hundreds at a time; yields how many there are."""
        end = self._stored + count
        self._sorted = {}
        while self._stored < end:
            events = [self._settled() for _ in range(min(TOGETHER, end - self._stored))]
            names = [subjects.settled(event.processor, event.id) for event in events]
            # Only the last is awaited: the server takes the messages of one connection in their order.
            for name, event in zip(names[:-1], events[:-1], strict=True):
                bus.publish(name, encode(event))
            result = await store(bus, subjects.SETTLEMENTS, names[-1], encode(events[-1]), timeout_s=30)
            if result != StoredAt(self._stored):
                raise RuntimeError(f"{result}, where {self._stored} should be stored")
            yield self._stored

    async def stored_bytes(self, bus: Bus) -> int:
        """Return what SETTLEMENTS takes."""
        info = await api.call(bus, f"STREAM.INFO.{subjects.SETTLEMENTS}")
        return int(info["state"]["bytes"])

    def period(self, choice: random.Random) -> tuple[int, int]:
        """Return a random period within all that was settled."""
        end_us = START_US + self._stored * EVERY_US
        first, last = sorted(choice.randrange(START_US, end_us) for _ in range(2))
        return first, last

    def totals(self, from_us: int | None, to_us: int | None) -> dict[str, tuple[int, int]]:
        """Return count and cents of a period."""
        found = {}
        for name in self.processors:
            if from_us is None and to_us is None:  # all of it needs no order
                all_stamps, all_cents = self._columns[name]
                found[name] = len(all_stamps), sum(all_cents)
                continue
            stamps, cents_before = self._in_order(name)
            first = 0 if from_us is None else bisect_left(stamps, from_us)
            end = len(stamps) if to_us is None else bisect_right(stamps, to_us)
            found[name] = end - first, cents_before[end] - cents_before[first]
        return found

    def _settled(self) -> PaymentSettled:
        choice = self._choice
        late_us = choice.randrange(JITTER_US)
        if choice.random() < STRAGGLER_SHARE:
            late_us += choice.randrange(STRAGGLER_LATE_US)
        stamp_us = START_US + self._stored * EVERY_US - late_us
        name, cents = choice.choice(self.processors), choice.randrange(1, AMOUNT_CENTS_MAX)
        self._stored += 1
        for column, value in zip(self._columns[name], (stamp_us, cents), strict=True):
            column.append(value)
        stamp = stamp_from_micros(stamp_us)
        return PaymentSettled(
            str(uuid.UUID(int=choice.getrandbits(128))), Cents(cents), name, stamp, stamp, self._stored
        )

    def _in_order(self, name: str) -> tuple[list[int], list[int]]:
        if name not in self._sorted:
            pairs = sorted(zip(*self._columns[name], strict=True))
            stamps = [stamp for stamp, _ in pairs]
            self._sorted[name] = stamps, list(accumulate((cents for _, cents in pairs), initial=0))
        return self._sorted[name]
