"""The display of a run: a live panel on a terminal, a plain line every ten seconds elsewhere.

The figures come from the journal, which exists anyway, and from one summary per second: the load is not disturbed.
"""

import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

PLAIN_EVERY_S = 10


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A run at one moment. `settled` is None while the backend gives no summary."""

    elapsed_s: float
    length_s: int
    accepted: int
    failed: int
    settled: dict[str, int] | None
    stage: str
    differences: int

    @property
    def backlog(self) -> int | None:
        """Accepted, but not settled yet."""
        return None if self.settled is None else self.accepted - sum(self.settled.values())

    def fields(self) -> dict[str, str]:
        """All figures as text, in the order in which they are shown."""
        settled = self.settled or {}
        return {
            "accepted": f"{self.accepted:,}",
            "failed": f"{self.failed:,}",
            "settled default": _number(settled.get("default")),
            "settled fallback": _number(settled.get("fallback")),
            "backlog": _number(self.backlog),
            "differences": f"{self.differences:,}",
            "default | fallback": self.stage,
        }


class Display(Protocol):
    """A display of a run, used as a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
    def show(self, progress: RunProgress) -> None:
        """Show the run's current state."""


class TerminalDisplay:
    """A panel on a terminal, redrawn in place."""

    def __init__(self) -> None:
        self._live = Live(auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._live.stop()

    def show(self, progress: RunProgress) -> None:
        """Redraw the panel."""
        grid = Table.grid(padding=(0, 2))
        elapsed_s = min(progress.elapsed_s, progress.length_s)
        grid.add_row(f"{elapsed_s:.0f} / {progress.length_s} s", ProgressBar(progress.length_s, elapsed_s, width=50))
        for name, value in progress.fields().items():
            grid.add_row(name, value)
        self._live.update(grid, refresh=True)


class PlainDisplay:
    """One line every ten seconds, for logs and pipes."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        pass

    def show(self, progress: RunProgress) -> None:
        """Print a line if one is due."""
        if progress.elapsed_s < self._next_s:
            return
        self._next_s = progress.elapsed_s - progress.elapsed_s % PLAIN_EVERY_S + PLAIN_EVERY_S
        figures = "  ".join(f"{name} {value}" for name, value in progress.fields().items())
        print(f"{progress.elapsed_s:4.0f} / {progress.length_s} s  {figures}", flush=True)


def display() -> Display:
    """Return the display that fits the output."""
    return TerminalDisplay() if sys.stdout.isatty() else PlainDisplay()


def _number(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"
