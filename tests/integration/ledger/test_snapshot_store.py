"""Snapshots on a real nats-server: at every moment there is a whole one or none, whatever ends, fails or is deleted."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from services.bus.jetstream import api
from services.bus.jetstream.publish import Stored, store
from services.bus.jetstream.state import stream_state
from services.bus.jetstream.streams import StreamLimits, ensure_streams
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.events import PaymentSettled, encode
from services.ledger.adapters.snapshot_store import SnapshotStore
from services.ledger.core.book import Book
from services.ledger.core.snapshot import CHUNK_ROWS, Chain, Counts, Position, encode_chunk, fingerprint
from services.ledger.core.snapshot_outcomes import Absent, Damaged, NotSaved, Restored, Saved, Unusable
from tests.integration.ledger.ledger_process import publish, settled
from tests.nats_server import PATIENCE_S

KNOWN = ("default", "fallback")
COUNTS = Counts(1, 2)


class SnapshotCase:
    """A book of what is in SETTLEMENTS, and its store."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.book = Book(KNOWN)
        self.store = SnapshotStore(bus)
        self.position = Position(0, "")

    async def settle(self, first: int, count: int) -> None:
        """Store so many settlements, and record them."""
        events = [settled(number, KNOWN[number % 2], number + 1) for number in range(first, first + count)]
        seq = await publish(self.bus, events)
        for event in events:
            self.book.record(event)
        # They were stored side by side, and the last sequence is not always that of the last event.
        self.position = await self.position_at(seq)

    async def position_at(self, seq: int) -> Position:
        """Return the position of a message."""
        answer = await api.call(self.bus, f"STREAM.MSG.GET.{subjects.SETTLEMENTS}", {"seq": seq})
        number = int(answer["message"]["subject"].rpartition(".")[2][-12:], 16)
        event: PaymentSettled = settled(number, KNOWN[number % 2], number + 1)
        return Position(seq, fingerprint(answer["message"]["subject"], encode(event)))

    async def save(self) -> Saved | NotSaved:
        """Save the book as it is."""
        return await self.store.save(self.book.picture(), self.position, COUNTS)

    async def restored(self) -> Book:
        """Return the book that another process would restore, which must say that it is of the position."""
        book = Book(KNOWN)
        assert await SnapshotStore(self.bus).load(book) == Restored(self.position, COUNTS)
        return book


async def damaged(case: SnapshotCase) -> str:
    """Return why nothing can be counted, of which the book is empty."""
    book = Book(KNOWN)
    loaded = await SnapshotStore(case.bus).load(book)
    assert isinstance(loaded, Damaged)
    assert book.entries == 0
    return loaded.reason


@pytest.fixture
async def case(bus: Bus, streams: StreamLimits) -> SnapshotCase:
    """A store that has looked and found nothing."""
    case = SnapshotCase(bus)
    assert await case.store.load(case.book) == Absent()
    return case


def totals(book: Book) -> dict[str, tuple[int, int]]:
    """Return count and cents of all."""
    return {name: (total.count, total.cents) for name, total in book.totals(None, None).items()}


async def messages(bus: Bus) -> int:
    """Return how many messages the snapshots take."""
    return (await stream_state(bus, subjects.LEDGER_SNAPSHOTS)).messages


async def test_later_snapshot_stores_only_what_is_new(case: SnapshotCase) -> None:
    """Rows that are stored are not stored again; the manifest is replaced."""
    await case.settle(0, 3_000)
    assert isinstance(first := await case.save(), Saved)
    assert (first.stored_now, first.chunks) == (3, 3)
    await case.settle(3_000, 10)
    assert isinstance(second := await case.save(), Saved)
    assert (second.stored_now, second.chunks) == (1, 4)
    assert await messages(case.bus) == 4 + 1
    assert totals(await case.restored()) == totals(case.book)


async def test_restored_store_goes_on_where_the_other_ended(case: SnapshotCase) -> None:
    """The next process adds to what it found."""
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
    """It is restored, and what the crash left is written over by the next process."""
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
    """The end of a process; nothing catches it."""


def crashing(whole: Callable[..., Coroutine[Any, Any, int]]) -> Callable[..., Coroutine[Any, Any, int]]:
    """Return ``_store``, crashing where it should store a manifest."""

    async def until_manifest(self: SnapshotStore, name: str, data: bytes, **options: Any) -> int:
        if name == subjects.SNAPSHOT_MANIFEST:
            raise Crash
        return await whole(self, name, data, **options)

    return until_manifest


async def test_clearing_begins_a_new_generation_and_the_old_one_goes(case: SnapshotCase) -> None:
    """No row from before the clearing is left in the stream."""
    await case.settle(0, 5_000)
    await case.save()
    case.book.clear()
    await case.settle(6_000, 1)
    assert isinstance(saved := await case.save(), Saved)
    assert (saved.stored_now, saved.chunks) == (1, 1)
    assert await messages(case.bus) == 1 + 1
    assert totals(await case.restored()) == {"default": (1, 6_001), "fallback": (0, 0)}


async def test_snapshot_is_of_one_moment_though_the_book_goes_on(case: SnapshotCase) -> None:
    """Rows come, and the book is cleared, while its chunks are being stored."""
    await case.settle(0, 10 * CHUNK_ROWS)
    before = totals(case.book)
    saving = asyncio.create_task(case.save())
    await asyncio.sleep(0)  # it has its picture now
    for number in range(20_000, 20_100):
        case.book.record(settled(number))
        await asyncio.sleep(0)
    case.book.clear()
    for number in range(30_000, 30_100):
        case.book.record(settled(number))
        await asyncio.sleep(0)
    assert isinstance(await saving, Saved)
    assert totals(await case.restored()) == before


async def test_full_stream_is_no_harm(case: SnapshotCase) -> None:
    """The newest snapshot stays; when there is room again, the next one is stored."""
    await case.settle(0, 1_000)
    await case.save()
    before, position = totals(case.book), case.position
    info = await api.call(case.bus, f"STREAM.INFO.{subjects.LEDGER_SNAPSHOTS}")
    await api.call(case.bus, f"STREAM.UPDATE.{subjects.LEDGER_SNAPSHOTS}", {**info["config"], "max_bytes": 90_000})
    await case.settle(1_000, 5_000)
    newest = case.position
    assert isinstance(failed := await case.save(), NotSaved)
    assert "Full" in failed.reason
    case.position = position
    assert totals(await case.restored()) == before
    await api.call(case.bus, f"STREAM.UPDATE.{subjects.LEDGER_SNAPSHOTS}", info["config"])
    case.position = newest
    assert isinstance(await case.save(), Saved)
    assert totals(await case.restored()) == totals(case.book)


async def test_two_ledgers_never_spoil_a_snapshot(case: SnapshotCase) -> None:
    """Two run by mistake, or one not gone yet; after each save of either there is a whole one."""
    other = SnapshotCase(case.bus)
    await case.settle(0, 2_000)
    await case.save()
    await other.store.load(other.book)
    for first in range(2_000, 8_000, 1_000):
        for one in (case, other):
            await one.settle(first + (500 if one is other else 0), 500)
            assert isinstance(await one.save(), Saved)
            assert totals(await one.restored()) == totals(one.book)


async def unusable(case: SnapshotCase) -> str:
    """Return why the snapshot is refused; the book must be left empty."""
    book = Book(KNOWN)
    loaded = await SnapshotStore(case.bus).load(book)
    assert isinstance(loaded, Unusable), loaded
    assert totals(book) == dict.fromkeys(KNOWN, (0, 0))
    book.record(settled(1))
    assert totals(book)["default"] == (1, 1990)
    return loaded.reason


async def damage(bus: Bus, subject: str, change: Callable[[bytes], bytes]) -> None:
    """Replace a message of the snapshot by what ``change`` makes of it."""
    answer = await bus.request(
        f"$JS.API.DIRECT.GET.{subjects.LEDGER_SNAPSHOTS}", b'{"last_by_subj": "%s"}' % subject.encode(), PATIENCE_S
    )
    assert isinstance(await store(bus, subjects.LEDGER_SNAPSHOTS, subject, change(answer.data)), Stored)


@pytest.mark.parametrize("subject", [subjects.SNAPSHOT_MANIFEST, *(subjects.snapshot_chunk(0, n) for n in (0, 1, 3))])
@pytest.mark.parametrize("change", ["flip", "cut", "empty"])
async def test_damaged_message_is_refused_and_replaced_by_the_next_save(
    case: SnapshotCase, subject: str, change: str
) -> None:
    """Wherever the damage is; the next snapshot takes nothing over from the damaged one."""
    await case.settle(0, 5_000)
    await case.save()
    at = random.Random(subject).randrange(100)  # noqa: S311  # the same in every run
    changes: dict[str, Callable[[bytes], bytes]] = {
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
    """Somebody deleted it."""
    await case.settle(0, 5_000)
    await case.save()
    request = {"filter": subjects.snapshot_chunk(0, 2)}
    assert (await api.call(case.bus, f"STREAM.PURGE.{subjects.LEDGER_SNAPSHOTS}", request))["purged"] == 1
    assert "there are only 3" in await unusable(case)


async def test_whole_chunk_of_another_book_is_refused(case: SnapshotCase) -> None:
    """Its own digest is right; it is not what the manifest speaks of."""
    await case.settle(0, 100)
    await case.save()
    other = Book(KNOWN)
    for number in range(100, 200):
        other.record(settled(number))
    data, _ = encode_chunk(Chain(0), other.picture().block(0, CHUNK_ROWS))
    await damage(case.bus, subjects.snapshot_chunk(0, 0), lambda _: data)
    assert "its chunks are" in await unusable(case)


async def test_stream_created_anew_refuses_the_snapshot_of_the_old_one(
    case: SnapshotCase, streams: StreamLimits
) -> None:
    """However much is settled in the new one."""
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
async def test_stream_that_lost_messages_of_before_has_its_snapshot(
    case: SnapshotCase, command: str, request_: dict[str, Any]
) -> None:
    """What was counted was there; that it is missing now is found by another way, and the book is right."""
    await case.settle(0, 100)
    await case.save()
    await api.call(case.bus, f"STREAM.{command}.{subjects.SETTLEMENTS}", request_)
    assert totals(await case.restored()) == totals(case.book)


async def test_position_that_is_gone_or_another_message_has_is_damage(case: SnapshotCase) -> None:
    """A replay would lack what was counted: no snapshot and no replay is the book of this stream."""
    await case.settle(0, 100)
    await case.save()
    await api.call(case.bus, f"STREAM.PURGE.{subjects.SETTLEMENTS}")
    assert "message 100, which was read, is missing" in await damaged(case)
    case.position = replace_fingerprint(case.position)
    await case.settle(100, 1)
    case.position = replace_fingerprint(case.position)
    await case.save()
    assert "message 101 is another one" in await damaged(case)


async def test_note_of_how_far_was_read_must_be_found_again(case: SnapshotCase, streams: StreamLimits) -> None:
    """It reaches further than any snapshot; one of another stream says nothing of this one."""
    await case.settle(0, 100)
    await case.store.record_reached(case.position)
    assert await SnapshotStore(case.bus).load(Book(KNOWN)) == Absent()
    await case.store.record_reached(Position(101, case.position.fingerprint))
    assert "it was read up to message 101, and now ends at 100" in await damaged(case)
    await api.call(case.bus, f"STREAM.DELETE.{subjects.SETTLEMENTS}")
    await ensure_streams(case.bus, streams)
    assert await SnapshotStore(case.bus).load(Book(KNOWN)) == Absent()


async def test_book_ahead_of_its_stream_is_not_stored(case: SnapshotCase) -> None:
    """It speaks of messages that are no more."""
    await case.settle(0, 100)
    case.position = Position(101, case.position.fingerprint)
    assert isinstance(await case.save(), NotSaved)
    assert await messages(case.bus) == 0


def replace_fingerprint(position: Position) -> Position:
    """Return the position with another message's fingerprint."""
    return Position(position.seq, fingerprint("settlements.settled.default.x", b"{}"))


async def test_all_of_a_picture_is_stored_anew_where_no_row_is_known(case: SnapshotCase) -> None:
    """A picture of other clearings shares no row with what is stored, even if it looks alike."""
    await case.settle(0, 3_000)
    await case.save()
    picture = replace(case.book.picture(), clearings=99)
    assert isinstance(saved := await case.store.save(picture, case.position, COUNTS), Saved)
    assert (saved.stored_now, saved.chunks) == (3, 3)
    assert await messages(case.bus) == 3 + 1
