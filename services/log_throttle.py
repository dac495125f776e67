"""Log lines that an operator acts on: none per payment; a failure that lasts is logged when it begins."""

import asyncio
import logging
from dataclasses import dataclass

COUNTED_S = 10.0


class FailureLog:
    """For one thing that is retried: logs its failure when it begins, or differs from the last one."""

    def __init__(self, log: logging.Logger, event: str) -> None:
        self._log = log
        self._event = event
        self._last = ""

    def failed(self, error: str, **fields: object) -> None:
        """Log a failure, unless it is the same as the last one."""
        if error != self._last:
            self._log.warning(self._event, extra={"error": error, **fields})
        self._last = error

    @property
    def is_failing(self) -> bool:
        """Whether it failed the last time."""
        return bool(self._last)

    def succeeded(self) -> None:
        """Record a success: the next failure is logged."""
        self._last = ""


@dataclass(slots=True)
class _Window:
    level: int
    count: int
    fields: dict[str, object]


class CountedLog:
    """For events that may hit many payments: logs the first, then a count at most every COUNTED_S.

    At DEBUG each one is logged too, without ``count``. A count has the fields of the newest event.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._windows: dict[tuple[str, str], _Window] = {}

    def log(self, level: int, event: str, processor: str = "", **fields: object) -> None:
        """Log an event, or count it; each event and processor is counted separately."""
        if processor:
            fields["processor"] = processor
        self._log.debug(event, extra=fields)
        window = self._windows.get((event, processor))
        if window is None:
            self._log.log(level, event, extra={"count": 1, **fields})
            self._begin((event, processor), level)
        else:
            window.count, window.fields = window.count + 1, fields

    def _begin(self, what: tuple[str, str], level: int) -> None:
        self._windows[what] = _Window(level, 0, {})
        asyncio.get_running_loop().call_later(COUNTED_S, self._end, what)

    def _end(self, what: tuple[str, str]) -> None:
        window = self._windows.pop(what)
        if window.count:
            self._log.log(window.level, what[0], extra={"count": window.count, **window.fields})
            self._begin(what, window.level)
