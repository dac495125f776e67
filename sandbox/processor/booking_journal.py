"""The journal: a line per booking and purge, written before the caller is answered, so that a kill loses nothing.

`B <id> <cents> <stamp_us>` is a booking, `P` a purge. The operating system keeps what was written when the process is
killed; it is not synced to the disk, because a power cut is not among the faults that a sandbox has to survive.
"""

import os
from pathlib import Path
from typing import Final

from sandbox.processor.books import Books
from sandbox.processor.payment import ProcessorPayment

_PURGE_LINE: Final = b"P\n"


class JournalDamagedError(Exception):
    """A complete line of the journal is invalid; no books are better than wrong ones."""


class BookingJournal:
    """Appends to one file, or to none if there is no path."""

    def __init__(self, path: Path | None) -> None:
        self._fd = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def booked(self, payment: ProcessorPayment) -> None:
        """Write a booking; raises OSError if it could not be written, and then it must not be answered."""
        if self._fd is not None:
            os.write(self._fd, booking_line(payment))

    def purged(self) -> None:
        """Write a purge; raises like `booked`."""
        if self._fd is not None:
            os.write(self._fd, _PURGE_LINE)


def booking_line(payment: ProcessorPayment) -> bytes:
    """Return the line of a booking."""
    return f"B {payment.correlation_id} {payment.amount_cents} {payment.requested_at_us}\n".encode()


def replay(lines: bytes) -> Books:
    """Return the books of these complete lines; raises `JournalDamagedError` naming the first invalid one."""
    books = Books()
    for number, line in enumerate(lines.splitlines(), start=1):
        match line.split(b" "):
            case [b"B", correlation_id, cents, stamp_us]:
                try:
                    payment = ProcessorPayment(correlation_id.decode(), int(cents), int(stamp_us))
                except ValueError:
                    raise JournalDamagedError(f"line {number} is not a booking: {line!r}") from None
                if payment.correlation_id in books:
                    raise JournalDamagedError(f"line {number} books an id again: {line!r}")
                books.book(payment)
            case [b"P"]:
                books.purge()
            case _:
                raise JournalDamagedError(f"line {number} is neither a booking nor a purge: {line!r}")
    return books


def restore(path: Path) -> Books:
    """Read the books and cut off a torn last line, so that the next line does not continue it.

    A torn line belongs to a call that was never answered, so it may be dropped.
    """
    if not path.exists():
        return Books()
    content = path.read_bytes()
    complete_length = content.rfind(b"\n") + 1
    books = replay(content[:complete_length])
    os.truncate(path, complete_length)
    return books
