"""The progress of a run: one line redrawn in place on a terminal, elsewhere a plain line every 10 s."""

import sys
import time
from typing import Self

from rich.console import Console
from rich.status import Status

PLAIN_EVERY_S = 10.0


class ProgressLine:
    """Shows the newest line; a context manager."""

    def __init__(self) -> None:
        self._status = Status("", console=Console()) if sys.stdout.isatty() else None
        self._shown_s = float("-inf")
        self._phase = ""

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, phase: str, text: str) -> None:
        """Show the progress; a plain line is left out unless it is time for one or the phase is new."""
        if self._status is not None:
            self._status.update(f"{phase}  {text}")
        elif phase != self._phase or time.monotonic() - self._shown_s >= PLAIN_EVERY_S:
            self._shown_s = time.monotonic()
            print(f"{phase:8} {text}", flush=True)
        self._phase = phase
