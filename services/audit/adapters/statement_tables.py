"""Rows and entries in a temporary SQLite database, which sorts them on disk: memory is bounded.

The file is in TMPDIR (else in /tmp or /var/tmp), has no name, and disappears with the process, however that ends. A
million rows and as many entries take some 200 MB there during the comparison.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from uuid import UUID

from services.audit.core.statement import OurRecord, StatementRow
from services.audit.core.statement_report import Day, SideSums

CACHE_KIB = 16 * 1024
DAY_US = 86_400_000_000
_EPOCH = date(1970, 1, 1)

_MAKE = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -{CACHE_KIB};
CREATE TABLE rows (id BLOB NOT NULL, line INTEGER NOT NULL, cents INTEGER, at INTEGER);
CREATE TABLE entries (
    id BLOB NOT NULL, status TEXT NOT NULL, processor TEXT NOT NULL, cents INTEGER NOT NULL, at INTEGER,
    here INTEGER NOT NULL
);
"""
_IF_STATED = "INSERT INTO entries SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM rows WHERE id = ?1)"
_ROWS = "SELECT id, line, cents, at FROM rows ORDER BY id, line"
_ENTRIES = "SELECT DISTINCT id, status, processor, cents, at, here FROM entries ORDER BY 1, 2, 3, 4, 5"
_ROWS_BY_DAY = "SELECT at / ?, count(*), sum(cents) FROM rows WHERE cents IS NOT NULL GROUP BY 1"
_ENTRIES_BY_DAY = """
SELECT at / ?, count(*), sum(cents)
FROM (SELECT DISTINCT id, cents, at FROM entries WHERE here AND status = 'settled') GROUP BY 1
"""

Owned = tuple[str, OurRecord]  # with its payment's id


class StatementTables:
    """First add all rows, then ``index_rows``, then all entries, then read; ``close`` at the end.

    Raises:
        sqlite3.Error: by any method: usually the disk is full, or no temporary folder is writable.
    """

    def __init__(self) -> None:
        self._sql = sqlite3.connect("", isolation_level=None)  # a file without a name
        self._sql.executescript(_MAKE)
        self._sql.execute("BEGIN")

    def close(self) -> None:
        """Delete all of it."""
        self._sql.close()

    def add_rows(self, rows: Iterable[StatementRow]) -> None:
        """Add rows that have at least an id; amount and stamp of a malformed one are NULL."""
        self._sql.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?)",
            ((_key(row.payment_id or ""), row.line, row.amount_cents, row.at_us) for row in rows),
        )

    def index_rows(self) -> tuple[int, int] | None:
        """Index the rows; return their first and last stamp in microseconds, None if no row has one."""
        self._sql.execute("CREATE INDEX rows_by_id ON rows (id, line, cents, at)")
        first_us, last_us = self._sql.execute("SELECT min(at), max(at) FROM rows").fetchone()
        return None if first_us is None else (first_us, last_us)

    def add_entries(self, entries: Sequence[Owned]) -> None:
        """Add entries, each with its payment's id."""
        self._sql.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", map(_values, entries))

    def add_entries_if_stated(self, entries: Sequence[Owned]) -> None:
        """Add those whose payment has a row."""
        self._sql.executemany(_IF_STATED, map(_values, entries))

    def payments(self) -> Iterator[tuple[str, list[StatementRow], list[OurRecord]]]:
        """Yield every payment of either side, by id: its rows by line, and its distinct entries."""
        rows = _Groups(self._sql.execute(_ROWS))
        entries = _Groups(self._sql.execute(_ENTRIES))
        while rows.key is not None or entries.key is not None:
            key = min(each for each in (rows.key, entries.key) if each is not None)
            payment_id = str(UUID(bytes=key))
            yield (
                payment_id,
                [_row(payment_id, each) for each in rows.of(key)],
                [_entry(each) for each in entries.of(key)],
            )

    def days(self) -> list[Day]:
        """Return the totals of each day of either side."""
        rows, entries = (
            {number: SideSums(count, cents) for number, count, cents in self._sql.execute(select, (DAY_US,))}
            for select in (_ROWS_BY_DAY, _ENTRIES_BY_DAY)
        )
        return [
            Day(_EPOCH + timedelta(days=number), rows.get(number, SideSums()), entries.get(number, SideSums()))
            for number in sorted(rows.keys() | entries.keys())
        ]

    def settled_here(self) -> int:
        """Return how many distinct settlements at the statement's processor were added."""
        return sum(count for _, count, _ in self._sql.execute(_ENTRIES_BY_DAY, (DAY_US,)))


class _Groups:
    """The records of a sorted cursor, grouped by id."""

    def __init__(self, records: Iterator[tuple[bytes, ...]]) -> None:
        self._groups = groupby(records, key=lambda record: record[0])
        self.key: bytes | None = None
        self._records: list[tuple[bytes, ...]] = []
        self._next()

    def of(self, key: bytes) -> list[tuple[bytes, ...]]:
        """Return the records of the id and move on; empty if the next ones are another id's."""
        if key != self.key:
            return []
        records = self._records
        self._next()
        return records

    def _next(self) -> None:
        self.key, group = next(self._groups, (None, iter(())))
        self._records = list(group)


def _key(payment_id: str) -> bytes:
    return bytes.fromhex(payment_id.replace("-", ""))


def _values(owned: Owned) -> tuple[bytes, str, str, int, int | None, bool]:
    payment_id, entry = owned
    return _key(payment_id), entry.status, entry.processor, entry.amount_cents, entry.at_us, entry.is_here


def _row(payment_id: str, record: tuple[bytes, ...]) -> StatementRow:
    _, line, cents, at_us = record
    is_read = cents is not None
    return StatementRow(int(line), payment_id, cents, at_us, None if is_read else "malformed")  # type: ignore[arg-type]


def _entry(record: tuple[bytes, ...]) -> OurRecord:
    _, status, processor, cents, at_us, here = record
    return OurRecord(str(status), str(processor), int(cents), at_us, bool(here))  # type: ignore[arg-type]
