"""When a store is found to have gone back, and when not."""

from types import SimpleNamespace
from typing import Any

import pytest

from services.contracts import subjects
from services.dispatcher.adapters import store_watch
from services.dispatcher.adapters.store_watch import StoreWatch
from services.records.doubt import SINCE, StoreWentBackError
from tests.unit.dispatcher.fakes import FakeClock

SERVER = "A"


class Store:
    """The streams' ends and the marks, as a server says them; while it is asked, others write more lines."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ends = {subjects.ASSIGNMENTS: 100, subjects.SETTLEMENTS: 50, subjects.PAYMENTS: 60}
        self.marks: dict[str, str] = {}
        self.read = 100
        self.written_meanwhile = 0
        for name in ("stream_state", "read_marks", "mark_doubtful"):
            monkeypatch.setattr(store_watch, name, getattr(self, name))

    async def stream_state(self, _: object, stream: str) -> SimpleNamespace:
        """Answer; then more is written, and read at once."""
        said = self.ends[stream]
        self.read += self.written_meanwhile
        self.ends[subjects.ASSIGNMENTS] += self.written_meanwhile
        return SimpleNamespace(last_seq=said)

    async def read_marks(self, _: object) -> dict[str, str]:
        """Return them."""
        return self.marks

    async def mark_doubtful(self, _: object, __: object) -> dict[str, str]:
        """Mark nothing."""
        return self.marks

    def watch(self) -> StoreWatch:
        """Return one that has read what `read` says."""
        bus: Any = SimpleNamespace(server_id=SERVER)
        return StoreWatch(
            bus,
            is_synced=True,
            books_within_s=60,
            clock=FakeClock(),
            lines_read=lambda: self.read,
            settlements_to=lambda: 50,
            payments_to=lambda: 60,
        )


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return one in which everything is as it was read."""
    return Store(monkeypatch)


async def test_what_others_write_while_it_is_asked_is_no_going_back(store: Store) -> None:
    """Their lines are read at once, and the answer is of before."""
    store.written_meanwhile = 1
    await store.watch().meet()


async def test_a_stream_that_ends_before_what_was_read_went_back(store: Store) -> None:
    """One line is enough."""
    store.ends[subjects.ASSIGNMENTS] = 99
    with pytest.raises(StoreWentBackError, match=subjects.ASSIGNMENTS):
        await store.watch().meet()


async def test_another_dispatchers_mark_tells_one_that_has_met_the_store_before(store: Store) -> None:
    """By then it may hold as much as was read; one that has only begun knows nothing that could be wrong."""
    watch = store.watch()
    await watch.meet()
    store.marks[SINCE] = "2025-07-15T12:00:00.000Z"
    with pytest.raises(StoreWentBackError, match="another dispatcher"):
        await watch.meet()
    await store.watch().meet()
