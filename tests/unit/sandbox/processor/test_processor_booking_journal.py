"""The books are read from the journal, or an error says that they cannot be."""

from pathlib import Path

import pytest

from sandbox.processor.booking_journal import BookingJournal, JournalDamagedError, booking_line, replay, restore
from sandbox.processor.payment import ProcessorPayment

A = ProcessorPayment("4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3", 1990, 1_752_582_896_123_000)
B = ProcessorPayment("5b7901b8-7d26-4d9d-aa19-4dc1c7cf60b3", -5, 1)


def test_replay_restores_the_books() -> None:
    """Written bookings are read as the same bookings, in the same order."""
    assert list(replay(booking_line(A) + booking_line(B))) == [A, B]


def test_purge_removes_earlier_bookings() -> None:
    """Only bookings after the last purge are in the books; a purged id may be booked again."""
    assert list(replay(booking_line(A) + booking_line(B) + b"P\n" + booking_line(A))) == [A]


@pytest.mark.parametrize("line", [b"X\n", b"B only-an-id\n", b"B id cents 1\n", b"\n", booking_line(A)])
def test_an_invalid_line_is_damage(line: bytes) -> None:
    """The error names a complete line that is neither booking nor purge, or that books an id again."""
    with pytest.raises(JournalDamagedError, match="line 2 "):
        replay(booking_line(A) + line)


def test_absent_file_means_empty_books(tmp_path: Path) -> None:
    """The first start finds no file."""
    assert len(restore(tmp_path / "journal")) == 0


@pytest.mark.parametrize("torn_length", range(1, len(booking_line(B))))
def test_torn_last_line_is_dropped_and_not_continued(tmp_path: Path, torn_length: int) -> None:
    """Wherever it was torn, it is not read, and the next write starts a new line."""
    path = tmp_path / "journal"
    path.write_bytes(booking_line(A) + booking_line(B)[:torn_length])
    assert list(restore(path)) == [A]
    BookingJournal(path).booked(B)
    assert list(restore(path)) == [A, B]


def test_journal_without_a_path_writes_nothing() -> None:
    """Books in memory only use the same calls without a file."""
    journal = BookingJournal(None)
    journal.booked(A)
    journal.purged()
