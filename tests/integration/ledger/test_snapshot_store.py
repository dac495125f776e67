"""Snapshots on a real nats-server: at every moment there is a complete one or none, whatever stops or fails."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from services.bus.jetstream import api
from services.contracts import subjects
from services.ledger.adapters.snapshot_store import SnapshotStore
from services.ledger.core.snapshot import CHUNK_ROWS, Position
from services.ledger.core.snapshot_outcomes import NotSaved, Saved
from tests.integration.ledger.ledger_process import settled
from tests.integration.ledger.snapshot_case import COUNTS, SnapshotCase, messages, totals


async def test_later_snapshot_stores_only_what_is_new(case: SnapshotCase) -> None:
    """Stored rows are not stored again; the manifest is replaced."""
    await case.settle(0, 3_000)
    assert isinstance(first := await case.save(), Saved)
    assert (first.stored_now, first.chunks) == (3, 3)
    await case.settle(3_000, 10)
    assert isinstance(second := await case.save(), Saved)
    assert (second.stored_now, second.chunks) == (1, 4)
    assert await messages(case.bus) == 4 + 1
    assert totals(await case.restored()) == totals(case.book)


async def test_restored_store_continues_where_the_other_ended(case: SnapshotCase) -> None:
    """The next process adds to what is stored."""
    await case.settle(0, 3_000)
    await case.save()
    other = SnapshotCase(case.bus)
    await other.store.load(other.book)
    await other.settle(3_000, 10)
    assert isinstance(saved := await other.save(), Saved)
    assert (saved.stored_now, saved.chunks) == (1, 4)
    assert totals(await other.restored())["default"][0] == 1_505


async def test_crash_between_chunks_and_manifest_leaves_the_older_one(
    case: SnapshotCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older snapshot is restored, and the next process overwrites what the crash left."""
    await case.settle(0, 3_000)
    await case.save()
    before, position = totals(case.book), case.position
    await case.settle(3_000, 5_000)
    monkeypatch.setattr(SnapshotStore, "_store", crashing(SnapshotStore._store))
    with pytest.raises(Crash):
        await case.save()
    monkeypatch.undo()
    assert await messages(case.bus) == 3 + 4 + 1
    case.position = position
    assert totals(await case.restored()) == before
    other = SnapshotCase(case.bus)
    await other.store.load(other.book)
    await other.settle(8_000, 1_500)
    assert isinstance(await other.save(), Saved)
    assert totals(await other.restored()) == totals(other.book)


class Crash(BaseException):
    """The crash of a process; nothing catches it."""


def crashing(whole: Callable[..., Coroutine[Any, Any, int]]) -> Callable[..., Coroutine[Any, Any, int]]:
    """Return a ``_store`` that crashes instead of storing a manifest."""

    async def until_manifest(self: SnapshotStore, name: str, data: bytes, **options: Any) -> int:
        if name == subjects.SNAPSHOT_MANIFEST:
            raise Crash
        return await whole(self, name, data, **options)

    return until_manifest


async def test_clearing_starts_a_new_generation_and_deletes_the_old_one(case: SnapshotCase) -> None:
    """No row from before the clearing remains in the stream."""
    await case.settle(0, 5_000)
    await case.save()
    case.book.clear()
    await case.settle(6_000, 1)
    assert isinstance(saved := await case.save(), Saved)
    assert (saved.stored_now, saved.chunks) == (1, 1)
    assert await messages(case.bus) == 1 + 1
    assert totals(await case.restored()) == {"default": (1, 6_001), "fallback": (0, 0)}


async def test_snapshot_is_of_one_moment_while_the_book_changes(case: SnapshotCase) -> None:
    """Rows are added and the book is cleared while its chunks are being stored."""
    await case.settle(0, 10 * CHUNK_ROWS)
    before = totals(case.book)
    saving = asyncio.create_task(case.save())
    await asyncio.sleep(0)  # the image is taken now
    for number in range(20_000, 20_100):
        case.book.record(settled(number))
        await asyncio.sleep(0)
    case.book.clear()
    for number in range(30_000, 30_100):
        case.book.record(settled(number))
        await asyncio.sleep(0)
    assert isinstance(await saving, Saved)
    assert totals(await case.restored()) == before


async def test_full_stream_keeps_the_newest_snapshot(case: SnapshotCase) -> None:
    """The newest snapshot stays; once there is room again, the next one is stored."""
    await case.settle(0, 1_000)
    await case.save()
    before, position = totals(case.book), case.position
    info = await api.call(case.bus, f"STREAM.INFO.{subjects.LEDGER_SNAPSHOTS}")
    await api.call(case.bus, f"STREAM.UPDATE.{subjects.LEDGER_SNAPSHOTS}", {**info["config"], "max_bytes": 90_000})
    await case.settle(1_000, 5_000)
    newest = case.position
    assert isinstance(failed := await case.save(), NotSaved)
    assert "maximum bytes exceeded" in failed.reason
    case.position = position
    assert totals(await case.restored()) == before
    await api.call(case.bus, f"STREAM.UPDATE.{subjects.LEDGER_SNAPSHOTS}", info["config"])
    case.position = newest
    assert isinstance(await case.save(), Saved)
    assert totals(await case.restored()) == totals(case.book)


async def test_two_ledgers_never_damage_a_snapshot(case: SnapshotCase) -> None:
    """Two run by mistake, or one has not exited yet; after each save by either, a whole snapshot is stored."""
    other = SnapshotCase(case.bus)
    await case.settle(0, 2_000)
    await case.save()
    await other.store.load(other.book)
    for first in range(2_000, 8_000, 1_000):
        for one in (case, other):
            await one.settle(first + (500 if one is other else 0), 500)
            assert isinstance(await one.save(), Saved)
            assert totals(await one.restored()) == totals(one.book)


async def test_book_ahead_of_its_stream_is_not_stored(case: SnapshotCase) -> None:
    """It counts messages that no longer exist."""
    await case.settle(0, 100)
    case.position = Position(101, case.position.fingerprint)
    assert isinstance(await case.save(), NotSaved)
    assert await messages(case.bus) == 0


async def test_a_whole_image_is_stored_again_if_no_row_is_known(case: SnapshotCase) -> None:
    """An image after another clearing shares no row with the stored one, even if their rows are equal."""
    await case.settle(0, 3_000)
    await case.save()
    image = replace(case.book.image(), clearings=99)
    assert isinstance(saved := await case.store.save(image, case.position, COUNTS), Saved)
    assert (saved.stored_now, saved.chunks) == (3, 3)
    assert await messages(case.bus) == 3 + 1
