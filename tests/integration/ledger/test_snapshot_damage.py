"""A snapshot that is damaged, incomplete or of another stream is refused, and the next save replaces it."""

import random
from typing import Any

import pytest

from services.bus.jetstream import api
from services.bus.jetstream.streams import StreamLimits, ensure_streams
from services.contracts import subjects
from services.ledger.adapters.snapshot_store import SnapshotStore
from services.ledger.core.book import Book
from services.ledger.core.snapshot import CHUNK_ROWS, Chain, Position, encode_chunk
from services.ledger.core.snapshot_outcomes import NoSnapshot, Saved
from tests.integration.ledger.ledger_process import publish, settled
from tests.integration.ledger.snapshot_case import (
    KNOWN,
    SnapshotCase,
    damage,
    damaged,
    messages,
    replace_fingerprint,
    totals,
    unusable,
)


@pytest.mark.parametrize("subject", [subjects.SNAPSHOT_MANIFEST, *(subjects.snapshot_chunk(0, n) for n in (0, 1, 3))])
@pytest.mark.parametrize("change", ["flip", "cut", "empty"])
async def test_damaged_message_is_refused_and_replaced_by_the_next_save(
    case: SnapshotCase, subject: str, change: str
) -> None:
    """Wherever the damage is; the next snapshot reuses nothing of the damaged one."""
    await case.settle(0, 5_000)
    await case.save()
    at = random.Random(subject).randrange(100)  # noqa: S311  # the same in every run
    changes = {
        "flip": lambda data: data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :],
        "cut": lambda data: data[: len(data) // 2],
        "empty": lambda _: b"",
    }
    await damage(case.bus, subject, changes[change])
    assert "damaged" in await unusable(case)
    fresh = SnapshotCase(case.bus)
    await fresh.store.load(fresh.book)
    fresh.book, fresh.position = case.book, case.position
    assert isinstance(saved := await fresh.save(), Saved)
    assert saved.stored_now == 4
    assert await messages(case.bus) == 4 + 1
    assert totals(await fresh.restored()) == totals(case.book)


async def test_missing_chunk_is_refused(case: SnapshotCase) -> None:
    """As if somebody had deleted it."""
    await case.settle(0, 5_000)
    await case.save()
    request = {"filter": subjects.snapshot_chunk(0, 2)}
    assert (await api.call(case.bus, f"STREAM.PURGE.{subjects.LEDGER_SNAPSHOTS}", request))["purged"] == 1
    assert "there are only 3" in await unusable(case)


async def test_whole_chunk_of_another_book_is_refused(case: SnapshotCase) -> None:
    """Its own digest is right, but it is not the chunk that the manifest names."""
    await case.settle(0, 100)
    await case.save()
    other = Book(KNOWN)
    for number in range(100, 200):
        other.record(settled(number))
    data, _ = encode_chunk(Chain(0), other.image().block(0, CHUNK_ROWS))
    await damage(case.bus, subjects.snapshot_chunk(0, 0), lambda _: data)
    assert "its chunks are" in await unusable(case)


async def test_a_stream_created_again_refuses_the_snapshot_of_the_old_one(
    case: SnapshotCase, streams: StreamLimits
) -> None:
    """However many settlements the new one has."""
    await case.settle(0, 100)
    await case.save()
    await api.call(case.bus, f"STREAM.DELETE.{subjects.SETTLEMENTS}")
    await ensure_streams(case.bus, streams)
    await publish(case.bus, [settled(number) for number in range(200)])
    assert "it is of Source" in await unusable(case)


@pytest.mark.parametrize(
    ("command", "request_"),
    [("PURGE", {"seq": 5}), ("MSG.DELETE", {"seq": 50})],
    ids=["partly purged", "one deleted"],
)
async def test_a_stream_that_lost_messages_before_the_snapshot_keeps_its_snapshot(
    case: SnapshotCase, command: str, request_: dict[str, Any]
) -> None:
    """They existed when they were counted, so the book is right; that they are missing is found by other checks."""
    await case.settle(0, 100)
    await case.save()
    await api.call(case.bus, f"STREAM.{command}.{subjects.SETTLEMENTS}", request_)
    assert totals(await case.restored()) == totals(case.book)


async def test_a_missing_or_different_message_at_the_position_is_damage(case: SnapshotCase) -> None:
    """A replay would lack what was counted, so neither the snapshot nor a replay is the right book."""
    await case.settle(0, 100)
    await case.save()
    await api.call(case.bus, f"STREAM.PURGE.{subjects.SETTLEMENTS}")
    assert "message 100, which was read, is missing" in await damaged(case)
    case.position = replace_fingerprint(case.position)
    await case.settle(100, 1)
    case.position = replace_fingerprint(case.position)
    await case.save()
    assert "message 101 is another one" in await damaged(case)


async def test_the_recorded_position_must_be_found_again(case: SnapshotCase, streams: StreamLimits) -> None:
    """It is later than any snapshot; one recorded for another stream is ignored."""
    await case.settle(0, 100)
    await case.store.record_reached(case.position)
    assert await SnapshotStore(case.bus).load(Book(KNOWN)) == NoSnapshot()
    await case.store.record_reached(Position(101, case.position.fingerprint))
    assert "it was read up to message 101, and now ends at 100" in await damaged(case)
    await api.call(case.bus, f"STREAM.DELETE.{subjects.SETTLEMENTS}")
    await ensure_streams(case.bus, streams)
    assert await SnapshotStore(case.bus).load(Book(KNOWN)) == NoSnapshot()
