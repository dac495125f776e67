"""A statement as a CSV file, read row by row: one row is in memory, however long the file is."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from services.audit.core.statement import StatementRow
from services.audit.core.statement_rows import Columns, Layout, layout_of, row_of

LINE_CHARACTERS_MAX = 64 * 1024


class NotAStatementError(Exception):
    """The file cannot be read as a statement; the sentence says why, and what to give instead."""


class StatementFile:
    """The rows of a UTF-8 file with the column names in its first line."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path = path
        self._columns = columns

    def rows(self) -> Iterator[StatementRow]:
        """Yield every row, including malformed ones; empty lines are skipped.

        Raises:
            NotAStatementError: it cannot be opened, is not such a file, or lacks a column.
        """
        try:
            # An undecodable byte makes one row malformed, not the file unreadable.
            with self._path.open(encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
                yield from self._read(file)
        except OSError as error:
            raise NotAStatementError(f"{self._path} cannot be read: {error.strerror}") from error

    def _read(self, file: TextIO) -> Iterator[StatementRow]:
        reader = csv.reader(self._lines(file), delimiter=self._columns.delimiter, strict=True)
        layout: Layout | None = None
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                if layout is None:
                    raise NotAStatementError(f"{self._path}: the first line is not CSV: {error}") from error
                yield StatementRow(line, wrong=f"not CSV: {error}")
                continue
            if layout is None:
                layout = self._layout(cells)
            elif cells:
                yield row_of(line, cells, layout)
        if layout is None:
            raise NotAStatementError(f"{self._path} is empty: the first line must name the columns")

    def _layout(self, names: list[str]) -> Layout:
        try:
            return layout_of(self._columns, names)
        except ValueError as error:
            raise NotAStatementError(f"{self._path}: {error}") from None

    def _lines(self, file: TextIO) -> Iterator[str]:
        number = 0
        while line := file.readline(LINE_CHARACTERS_MAX):
            number += 1
            if len(line) == LINE_CHARACTERS_MAX and not line.endswith("\n"):
                raise NotAStatementError(f"{self._path}: line {number} is longer than {LINE_CHARACTERS_MAX} characters")
            yield line
