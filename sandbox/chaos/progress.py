"""What a run looks like while it runs: one line drawn over itself on a terminal, a plain one every 10 s elsewhere."""

import sys
import time
from typing import Self

from rich.console import Console
from rich.status import Status

PLAIN_EVERY_S = 10.0


class Progress:
    """Shows the newest line; used as a context manager."""

    def __init__(self) -> None:
        self._status = Status("", console=Console()) if sys.stdout.isatty() else None
        self._said_s = float("-inf")
        self._phase = ""

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, phase: str, text: str) -> None:
        """Show how far it is; a plain line is left out unless it is time for one or the phase is new."""
        if self._status is not None:
            self._status.update(f"{phase}  {text}")
        elif phase != self._phase or time.monotonic() - self._said_s >= PLAIN_EVERY_S:
            self._said_s = time.monotonic()
            print(f"{phase:8} {text}", flush=True)
        self._phase = phase
