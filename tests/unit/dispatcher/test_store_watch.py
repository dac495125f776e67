"""When the store counts as having gone back, and when not."""

import asyncio
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from services.contracts import subjects
from services.contracts.stamp import text_of
from services.contracts.store_errors import StoreWentBackError
from services.dispatcher.adapters import store_watch
from services.dispatcher.adapters.store_watch import StoreWatch
from services.records.doubt import PAYMENTS_TO, SINCE, DoubtProgress
from tests.unit.dispatcher.fakes import FakeClock, settle_down

SERVER = "A"
LATELY = "2025-07-15T12:00:00.000Z"


class Store:
    """The streams' ends and the marks, as a server returns them; while it is asked, others write more lines."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ends = {subjects.ASSIGNMENTS: 100, subjects.SETTLEMENTS: 50, subjects.PAYMENTS: 60}
        self.marks: dict[str, str] = {}
        self.progress: dict[str, DoubtProgress] = {}  # by the mark
        self.clock = FakeClock()
        self.read = 100
        self.written_meanwhile = 0
        for name in (
            "stream_state",
            "read_marks",
            "mark_doubtful",
            "read_progress",
            "note_waited_out",
            "note_repeated",
        ):
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

    async def mark_doubtful(self, _: object, at: datetime) -> dict[str, str]:
        """Mark it."""
        self.marks[SINCE] = text_of(at)
        return self.marks

    async def read_progress(self, _: object, since: str) -> DoubtProgress:
        """Return what was recorded."""
        return self.progress.get(since, DoubtProgress())

    async def note_waited_out(self, _: object, since: str) -> None:
        """Record it."""
        self.progress[since] = replace(self.progress.get(since, DoubtProgress()), is_waited_out=True)

    async def note_repeated(self, _: object, since: str) -> None:
        """Record it."""
        self.progress[since] = replace(
            self.progress.get(since, DoubtProgress()), repeated_to=self.ends[subjects.PAYMENTS]
        )

    def watch(self) -> StoreWatch:
        """Return one that has read as far as `read`."""
        bus: Any = SimpleNamespace(server_id=SERVER)
        return StoreWatch(
            bus,
            is_synced=True,
            books_within_s=60,
            repeated_within_s=600,
            clock=self.clock,
            lines_read=lambda: self.read,
            settlements_to=lambda: 50,
            payments_to=lambda: 60,
        )


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return one in which everything is as it was read."""
    return Store(monkeypatch)


async def test_what_others_write_while_it_is_asked_does_not_count_as_going_back(store: Store) -> None:
    """Their lines are read at once, and the answer is older."""
    store.written_meanwhile = 1
    await store.watch().meet()


async def test_a_stream_that_ends_before_what_was_read_went_back(store: Store) -> None:
    """One line is enough."""
    store.ends[subjects.ASSIGNMENTS] = 99
    with pytest.raises(StoreWentBackError, match=subjects.ASSIGNMENTS):
        await store.watch().meet()


async def test_another_dispatchers_mark_stops_one_that_has_met_the_store_before(store: Store) -> None:
    """By then it may hold as much as was read; one that has only begun knows nothing that could be wrong."""
    watch = store.watch()
    await watch.meet()
    store.marks[SINCE] = LATELY
    with pytest.raises(StoreWentBackError, match="another dispatcher"):
        await watch.meet()
    await store.watch().meet()


async def test_a_mark_is_waited_out_once_for_all(store: Store) -> None:
    """By the dispatcher that has known it long enough; one that starts later need not wait again."""
    store.marks[SINCE] = LATELY
    first = store.watch()
    await first.meet()
    assert first.absence_counts_in_ms() == 60_000
    store.clock.ms += 59_999
    await first.meet()
    assert not store.progress
    store.clock.ms += 1
    await first.meet()
    assert (store.progress[LATELY].is_waited_out, first.absence_counts_in_ms()) == (True, 0)
    later = store.watch()
    await later.meet()
    assert later.absence_counts_in_ms() == 0


async def test_a_mark_that_others_waited_out_ends_the_wait_of_those_that_began_later(store: Store) -> None:
    """They need not wait any longer."""
    store.marks[SINCE] = LATELY
    watch = store.watch()
    await watch.meet()
    store.progress[LATELY] = DoubtProgress(is_waited_out=True)
    await watch.meet()
    assert watch.absence_counts_in_ms() == 0


async def test_what_has_passed_of_an_earlier_mark_does_not_count_for_a_new_one(store: Store) -> None:
    """The store went back again."""
    store.marks[SINCE] = LATELY
    store.progress["2025-07-15T11:00:00.000Z"] = DoubtProgress(is_waited_out=True, repeated_to=60)
    watch = store.watch()
    await watch.meet()
    assert (watch.absence_counts_in_ms(), watch.doubt.is_recent) == (60_000, True)


async def test_a_new_mark_while_it_runs_restarts_everything(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another dispatcher has met the store only now."""
    monkeypatch.setattr(store_watch, "READ_EVERY_S", 0)
    store.marks[SINCE] = LATELY
    store.progress[LATELY] = DoubtProgress(is_waited_out=True, repeated_to=60)
    watch = store.watch()
    await watch.meet()
    assert (watch.absence_counts_in_ms(), watch.doubt.is_recent) == (0, False)
    store.marks[SINCE] = "2025-07-15T12:00:01.000Z"
    running = asyncio.ensure_future(watch.run())
    await settle_down()
    running.cancel()
    assert (watch.absence_counts_in_ms(), watch.doubt.is_recent) == (60_000, True)


async def test_a_mark_that_was_written_over_is_made_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of a stream's limit writes the whole configuration, as it was when it was read."""
    monkeypatch.setattr(store_watch, "READ_EVERY_S", 0)
    store.marks[SINCE] = LATELY
    watch = store.watch()
    await watch.meet()
    store.clock.ms += 1_000
    del store.marks[SINCE]
    running = asyncio.ensure_future(watch.run())
    await settle_down()
    running.cancel()
    assert store.marks[SINCE] == watch.doubt.since > LATELY


async def test_what_is_accepted_within_the_window_of_a_mark_stays_doubtful(store: Store) -> None:
    """However late it is sent: a processor that did not answer may have it. What is accepted later is ordinary."""
    store.marks |= {SINCE: LATELY, PAYMENTS_TO: "50"}
    watch = store.watch()
    for passed_ms, is_recent in ((0, True), (599_999, True), (1, False)):
        store.clock.ms += passed_ms
        await watch.meet()
        assert watch.doubt.is_recent is is_recent
    assert watch.doubt.payments_to == 60
    later = store.watch()
    await later.meet()
    assert (later.doubt.payments_to, later.doubt.is_recent) == (60, False)
