"""A book, the store of its snapshots, and what loading one returns."""

from collections.abc import Callable

from services.bus.jetstream import api
from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.events import PaymentSettled, encode
from services.ledger.adapters.snapshot_store import SnapshotStore
from services.ledger.core.book import Book
from services.ledger.core.snapshot import Position, ReadCounts, fingerprint
from services.ledger.core.snapshot_outcomes import Damaged, NotSaved, Restored, Saved, Unusable
from tests.integration.ledger.ledger_process import publish, settled
from tests.nats_server import PATIENCE_S

KNOWN = ("default", "fallback")
COUNTS = ReadCounts(1, 2)


class SnapshotCase:
    """A book of SETTLEMENTS, and its snapshot store."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.book = Book(KNOWN)
        self.store = SnapshotStore(bus)
        self.position = Position(0, "")

    async def settle(self, first: int, count: int) -> None:
        """Store ``count`` settlements and record them in the book."""
        events = [settled(number, KNOWN[number % 2], number + 1) for number in range(first, first + count)]
        seq = await publish(self.bus, events)
        for event in events:
            self.book.record(event)
        # They were stored concurrently, so the last sequence need not be that of the last event.
        self.position = await self.position_at(seq)

    async def position_at(self, seq: int) -> Position:
        """Return the position of a message."""
        answer = await api.call(self.bus, f"STREAM.MSG.GET.{subjects.SETTLEMENTS}", {"seq": seq})
        number = int(answer["message"]["subject"].rpartition(".")[2][-12:], 16)
        event: PaymentSettled = settled(number, KNOWN[number % 2], number + 1)
        return Position(seq, fingerprint(answer["message"]["subject"], encode(event)))

    async def save(self) -> Saved | NotSaved:
        """Save the book's current state."""
        return await self.store.save(self.book.image(), self.position, COUNTS)

    async def restored(self) -> Book:
        """Return the book that another process would restore, which must be of the saved position."""
        book = Book(KNOWN)
        assert await SnapshotStore(self.bus).load(book) == Restored(self.position, COUNTS)
        return book


async def damaged(case: SnapshotCase) -> str:
    """Return why loading reports damage; the book must be left empty."""
    book = Book(KNOWN)
    loaded = await SnapshotStore(case.bus).load(book)
    assert isinstance(loaded, Damaged)
    assert book.entries == 0
    return loaded.reason


def totals(book: Book) -> dict[str, tuple[int, int]]:
    """Return count and cents by processor, of everything."""
    return {name: (total.count, total.cents) for name, total in book.totals(None, None).items()}


async def messages(bus: Bus) -> int:
    """Return how many messages the snapshots consist of."""
    return (await stream_state(bus, subjects.LEDGER_SNAPSHOTS)).messages


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
    """Replace a message of the snapshot by what ``change`` returns for it."""
    answer = await bus.request(
        f"$JS.API.DIRECT.GET.{subjects.LEDGER_SNAPSHOTS}", b'{"last_by_subj": "%s"}' % subject.encode(), PATIENCE_S
    )
    assert isinstance(await store(bus, subjects.LEDGER_SNAPSHOTS, subject, change(answer.data)), StoredAt)


def replace_fingerprint(position: Position) -> Position:
    """Return the position with the fingerprint of another message."""
    return Position(position.seq, fingerprint("settlements.settled.default.x", b"{}"))
