"""The snapshot runner over a stream and snapshots that the test controls: what is loaded, and when one is stored."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from services.contracts.events import PaymentSettled
from services.contracts.money import Cents
from services.ledger.core.book import Book
from services.ledger.core.columns import BookImage
from services.ledger.core.integrity import Extent, Integrity
from services.ledger.core.snapshot import Position, ReadCounts
from services.ledger.core.snapshot_outcomes import Loaded, NoSnapshot, NotSaved, Restored, Saved, Unusable
from services.ledger.flow import snapshots
from services.ledger.flow.counting import Ledger
from services.ledger.flow.ports import Record, Skip
from services.ledger.flow.snapshots import SnapshotRunner
from tests.unit.ledger.fakes import NoChecks, NoDispatchers, StillClock

START = datetime(2025, 8, 1, 12, 0, 0, tzinfo=UTC)
EVERY = 50


class StreamOnDemand:
    """A stream that delivers as many settlements as the test asks for."""

    def __init__(self, record: Record, _skip: Skip) -> None:
        self.record = record
        self.applied_seq = 0
        self.is_current = True

    def deliver(self, count: int) -> None:
        """Deliver ``count`` more."""
        for seq in range(self.applied_seq + 1, self.applied_seq + count + 1):
            payment_id = f"{seq:08x}-0000-4000-8000-{seq:012x}"
            self.record(PaymentSettled(payment_id, Cents(1), "default", START, START, seq), seq)
            self.applied_seq = seq

    def position(self) -> Position:
        """Return the stream's position."""
        return Position(self.applied_seq, "x")

    def resume_after(self, seq: int) -> None:
        """Start after that sequence."""
        self.applied_seq = seq

    async def caught_up(self) -> None:
        """Return at once."""

    async def run(self) -> None:
        """Deliver nothing by itself."""
        await asyncio.Event().wait()


class SnapshotsInHand:
    """Snapshots that load what the test set, and save, fail or hang as the test set."""

    def __init__(self) -> None:
        self.loaded: Loaded = NoSnapshot()
        self.saved: Saved | NotSaved = Saved(1, 1, 34)
        self.hangs = False
        self.seqs: list[int] = []
        self.recorded: list[int] = []

    async def load(self, _book: Book) -> Loaded:
        """Return what the test set."""
        return self.loaded

    async def save(self, image: BookImage, position: Position, _counts: ReadCounts) -> Saved | NotSaved:
        """Record the call; return what the test set, or hang."""
        assert image.entries == position.seq
        self.seqs.append(position.seq)
        if self.hangs:
            await asyncio.Event().wait()
        return self.saved

    async def record_reached(self, position: Position) -> None:
        """Record the call."""
        self.recorded.append(position.seq)


class SnapshotCase:
    """A ledger, its stream, its snapshots and its runner."""

    def __init__(self) -> None:
        self.ledger = Ledger(Book(("default",)), StreamOnDemand, NoDispatchers(), StillClock(), Integrity())
        assert isinstance(self.ledger.settlements, StreamOnDemand)
        self.stream = self.ledger.settlements
        self.snapshots = SnapshotsInHand()
        self.ledger.integrity.looked(Extent("then", 0, 0), 0)
        self.runner = SnapshotRunner(self.ledger, self.snapshots, EVERY, NoChecks())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the condition."""
        while not condition():  # noqa: ASYNC110  # turns of the loop, not time
            await asyncio.sleep(0)


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch) -> SnapshotCase:
    """A ledger whose snapshots are taken without pauses."""
    monkeypatch.setattr(snapshots, "LOOK_EVERY_S", 0)
    monkeypatch.setattr(snapshots, "AGAIN_AFTER_S", 0)
    monkeypatch.setattr(snapshots, "RECORD_EVERY_S", 0)
    return SnapshotCase()


Begin = Callable[[], Awaitable[None]]


@pytest_asyncio.fixture
async def begin(case: SnapshotCase) -> AsyncIterator[Begin]:
    """Runs the runner until the end of the test."""
    tasks: list[asyncio.Task[None]] = []

    async def run() -> None:
        tasks.append(asyncio.create_task(case.runner.run()))
        await asyncio.sleep(0)

    yield run
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_snapshot_is_stored_after_enough_new_settlements(case: SnapshotCase, begin: Begin) -> None:
    """Not one settlement earlier; the next one after as many again."""
    await begin()
    case.stream.deliver(EVERY - 1)
    for _ in range(100):
        await asyncio.sleep(0)
    assert case.snapshots.seqs == []
    case.stream.deliver(1)
    await case.until(lambda: case.ledger.state()["snapshotSeq"] == EVERY)
    case.stream.deliver(EVERY)
    await case.until(lambda: case.ledger.state()["snapshotSeq"] == 2 * EVERY)
    assert case.snapshots.seqs == [EVERY, 2 * EVERY]


async def test_restored_ledger_continues_after_the_snapshot(case: SnapshotCase, begin: Begin) -> None:
    """With its sequence and its counters; what it covers is not stored again."""
    case.snapshots.loaded = Restored(Position(700, "x"), ReadCounts(1, 2))
    await begin()
    await case.until(lambda: case.ledger.state()["snapshotSeq"] == 700)
    now = case.ledger.state()
    assert (now["appliedSeq"], now["conflicts"], now["unreadable"], now["snapshotsRefused"]) == (700, 1, 2, 0)
    await case.runner.stop()
    assert case.snapshots.seqs == []


async def test_refused_snapshot_is_logged_and_counted_and_everything_is_read(
    case: SnapshotCase, begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    """From the first settlement on; the log shows why the start took long."""
    case.snapshots.loaded = Unusable("chunk 3 is damaged")
    await begin()
    await case.until(lambda: case.ledger.state()["snapshotsRefused"] == 1)
    [record] = [record for record in caplog.records if record.message == "ledger.snapshot_refused"]
    assert (record.levelno, vars(record)["reason"]) == (logging.ERROR, "chunk 3 is damaged")
    assert case.ledger.state()["appliedSeq"] == 0


async def test_failed_snapshot_is_logged_counted_and_retried(
    case: SnapshotCase, begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger continues to count, and the snapshot that is finally stored includes that."""
    case.snapshots.saved = NotSaved("the stream is full")
    await begin()
    case.stream.deliver(EVERY)
    await case.until(lambda: case.ledger.state()["snapshotsFailed"] == 2)
    assert [vars(record)["reason"] for record in caplog.records[:2]] == ["the stream is full"] * 2
    case.stream.deliver(5)
    case.snapshots.saved = Saved(1, 1, 34)
    await case.until(lambda: case.ledger.state()["snapshotSeq"] == EVERY + 5)


@pytest.mark.parametrize(("count", "seqs"), [(EVERY // 10 - 1, []), (EVERY // 10, [EVERY // 10])])
async def test_last_snapshot_is_stored_on_stop_after_enough_new_settlements(
    case: SnapshotCase, count: int, seqs: list[int]
) -> None:
    """A tenth of what is due while it runs."""
    case.stream.deliver(count)
    await case.runner.stop()
    assert case.snapshots.seqs == seqs


async def test_stop_does_not_wait_for_a_snapshot_without_bound(
    case: SnapshotCase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A stop has a deadline, which an unresponsive NATS must not use up."""
    monkeypatch.setattr(snapshots, "STOP_WITHIN_S", 0.01)
    case.snapshots.hangs = True
    case.stream.deliver(EVERY)
    await case.runner.stop()
    assert [record.message for record in caplog.records] == ["ledger.snapshot_given_up"]
