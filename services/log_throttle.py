"""Log lines that an operator acts on: none per payment, and a trouble is told when it begins, not while it lasts."""

import asyncio
import logging
from dataclasses import dataclass

GATHERED_S = 10.0


class Trouble:
    """One thing that is tried again and again: its failure is told when it begins, or is another than before."""

    def __init__(self, log: logging.Logger, event: str) -> None:
        self._log = log
        self._event = event
        self._told = ""

    def tell(self, error: str, **fields: object) -> None:
        """It failed; this is told unless the same was told last."""
        if error != self._told:
            self._log.warning(self._event, extra={"error": error, **fields})
        self._told = error

    @property
    def lasts(self) -> bool:
        """Whether it failed the last time."""
        return bool(self._told)

    def over(self) -> None:
        """It went well: the next failure is a new one."""
        self._told = ""


@dataclass(slots=True)
class _Window:
    level: int
    count: int
    fields: dict[str, object]


class Gathered:
    """What may happen to one payment after the other: told at once, and then as a count, at most every GATHERED_S.

    Each one is told too where the level is DEBUG, without ``count``. The fields of a count are those of the newest.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._windows: dict[tuple[str, str], _Window] = {}

    def tell(self, level: int, event: str, processor: str = "", **fields: object) -> None:
        """It happened, once more; each event and processor is counted for itself."""
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
        asyncio.get_running_loop().call_later(GATHERED_S, self._end, what)

    def _end(self, what: tuple[str, str]) -> None:
        window = self._windows.pop(what)
        if window.count:
            self._log.log(window.level, what[0], extra={"count": window.count, **window.fields})
            self._begin(what, window.level)
