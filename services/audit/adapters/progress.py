"""The progress of an audit, on stderr: a bar on a terminal that can draw one, elsewhere a line every ten seconds.

Findings go to stdout, so that ``> findings.txt`` has them and nothing else.
"""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

PLAIN_EVERY_S = 10.0


class ProgressBar:
    """A progress bar on a terminal; inside its ``with`` block it is drawn. Implements the port ``Progress``."""

    def __init__(self, console: Console) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._rich = RichProgress(
            *columns,
            console=console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # else findings redirected to a file would appear on the screen
        )
        self._task = self._rich.add_task("starting", total=None)

    def __enter__(self) -> Self:
        self._rich.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rich.stop()

    def begin(self, what: str, total: int) -> None:
        """Begin a piece of work of ``total`` steps; 0: their number is not known."""
        self._rich.reset(self._task, description=what, total=total or None)

    def at(self, done: int) -> None:
        """Show that so much of it is done."""
        self._rich.update(self._task, completed=done)

    def say(self, text: str) -> None:
        """Print a sentence above the bar."""
        self._rich.console.print(text, highlight=False)


class ProgressLines:
    """A line at the beginning of each piece of work, and one every ten seconds; a context manager."""

    def __init__(self, out: TextIO, now_s: Callable[[], float]) -> None:
        self._out = out
        self._now_s = now_s
        self._next_s = 0.0
        self._what, self._total = "", 0
        self._begun_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def begin(self, what: str, total: int) -> None:
        """Begin a piece of work of ``total`` steps; 0: their number is not known."""
        self._what, self._total = what, total
        self._begun_s = self._now_s()
        self._say(f"{what}: {total:,}")

    def at(self, done: int) -> None:
        """Print how much is done, if it is time for a line."""
        if self._now_s() >= self._next_s:
            left_s = (self._now_s() - self._begun_s) * (self._total - done) / done if done else 0
            left = f", about {left_s:,.0f} s left" if left_s > 0 else ""
            self._say(f"{self._what}: {done:,} of {self._total:,}{left}")

    def say(self, text: str) -> None:
        """Print a sentence at once, whenever the last line was."""
        self._say(text)

    def _say(self, text: str) -> None:
        self._next_s = self._now_s() + PLAIN_EVERY_S
        print(text, file=self._out, flush=True)


def progress(now_s: Callable[[], float]) -> ProgressBar | ProgressLines:
    """Return a bar if stderr is a terminal that can draw one, else lines; ``now_s`` is a monotonic clock."""
    console = Console(stderr=True)
    return (
        ProgressBar(console)
        if sys.stderr.isatty() and not console.is_dumb_terminal
        else ProgressLines(sys.stderr, now_s)
    )
