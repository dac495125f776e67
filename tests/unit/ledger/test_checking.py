"""Checking what is stored against what was counted, with a stream that the test controls."""

import asyncio

import pytest

from services.contracts.store_errors import StoreWentBackError
from services.ledger.core.integrity import Integrity
from services.ledger.core.snapshot import Position
from services.ledger.flow import checking
from services.ledger.flow.checking import Checker
from tests.unit.ledger.fakes import StoredInHand

COUNT = 300


class Counted:
    """Settlements counted up to a position."""

    def __init__(self, stored: StoredInHand, integrity: Integrity) -> None:
        self._stored = stored
        self._integrity = integrity
        self.applied_seq = 0
        self.is_current = True
        self._position: Position | None = None

    def count(self) -> None:
        """Count everything stored."""
        for seq in range(self.applied_seq + 1, self._stored.last_seq + 1):
            self._integrity.counted(self.applied_seq, seq, self._stored.messages[seq])
            self.applied_seq, self._position = seq, self._stored.position(seq)

    def position(self) -> Position | None:
        """Return the position counted up to."""
        return self._position

    def resume_after(self, seq: int) -> None:
        """Start after that sequence."""
        self.applied_seq = seq

    async def caught_up(self) -> None:
        """Return at once: it always is."""

    async def run(self) -> None:
        """Deliver nothing."""


class Checked:
    """A checker, the stream it checks, and its findings."""

    def __init__(self, per_s: int = 1_000_000) -> None:
        self.integrity = Integrity()
        self.stored = StoredInHand()
        self.counted = Counted(self.stored, self.integrity)
        self.checker = Checker(self.counted, self.stored, self.integrity, per_s=per_s, every_s=0.0001)

    def settle(self, count: int) -> None:
        """Store and count ``count`` more."""
        self.stored.store(count)
        self.counted.count()

    async def read_all(self) -> None:
        """Reread everything once."""
        await self.checker.read_again(self.integrity.stretches(self.counted.applied_seq))


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> Checked:
    """A checker of 300 settlements, each counted when it was stored."""
    monkeypatch.setattr(checking, "AGAIN_AFTER_S", 0)
    found = Checked()
    found.settle(COUNT)
    return found


async def test_an_unchanged_stream_passes_the_check(checked: Checked) -> None:
    """Everything was reread."""
    await checked.checker.look()
    await checked.read_all()
    assert checked.integrity.reread == COUNT
    assert checked.integrity.damage == ""
    assert checked.integrity.is_whole(COUNT)


async def test_a_message_that_is_not_delivered_is_found(checked: Checked, caplog: pytest.LogCaptureFixture) -> None:
    """The server counts it as stored but does not deliver it; this is logged once."""
    good = checked.stored.messages.pop(100)
    checked.stored.messages[10_000] = b"so that the server's count stays the same"
    await checked.read_all()
    await checked.read_all()
    assert checked.integrity.damage == "what is stored at 65 to 128 is not what was counted"
    assert [record.message for record in caplog.records] == ["ledger.settlements_damaged"]
    assert checked.integrity.is_whole(COUNT)
    checked.stored.messages[100] = good
    await checked.read_all()
    assert checked.integrity.damage == ""


async def test_a_replaced_message_is_found(checked: Checked) -> None:
    """Anywhere in the stream."""
    checked.stored.messages[7] = b"another"
    await checked.read_all()
    assert checked.integrity.differing == 1


@pytest.mark.parametrize("what", ["shorter", "other", "anew"])
async def test_a_stream_restored_to_an_earlier_state_ends_the_ledger(checked: Checked, what: str) -> None:
    """Its book counts messages that no longer exist."""
    await checked.checker.look()
    match what:
        case "shorter":
            checked.stored.last_seq -= 1
        case "other":
            checked.stored.messages[COUNT] = b"another"
        case _:
            checked.stored.created = "now"
    with pytest.raises(StoreWentBackError):
        await checked.checker.look()


async def test_messages_since_the_last_look_need_not_be_counted_yet(checked: Checked) -> None:
    """Only what was stored at the last look must be counted."""
    await checked.checker.look()
    checked.stored.store(1)
    await checked.checker.look()
    assert checked.integrity.is_whole(COUNT)
    await checked.checker.look()
    assert not checked.integrity.is_whole(COUNT)
    checked.counted.count()
    assert checked.integrity.is_whole(COUNT + 1)


async def test_the_newest_are_reread_each_time_and_all_others_in_turn() -> None:
    """However long the stream is."""
    found = Checked(per_s=2_000_000)  # 100 at a time
    found.settle(COUNT)
    rounds = [{each.first for each in found.checker._chosen()} for _ in range(10)]
    assert all(257 in each for each in rounds)
    assert set().union(*rounds) == {1, 65, 129, 193, 257}


async def test_the_stream_is_looked_at_immediately_after_a_reconnect(checked: Checked) -> None:
    """Until then the book is not whole."""
    running = asyncio.create_task(checked.checker.run())
    while not checked.integrity.is_looked_at:  # noqa: ASYNC110  # turns of the loop, not time
        await asyncio.sleep(0)
    checked.integrity.reconnected()
    assert not checked.integrity.is_whole(COUNT)
    while not checked.integrity.is_looked_at:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert checked.integrity.is_whole(COUNT)
    running.cancel()
