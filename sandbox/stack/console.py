"""The output of the stack: whole lines, from any thread, each with the name of its part."""

import os
import threading
from typing import TextIO

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_WIDTH = len("processor-fallback")


class Console:
    """Writes lines; colours the names on a terminal. ``reader_is_gone``: nothing is written any more."""

    def __init__(self, out: TextIO) -> None:
        self.reader_is_gone = False
        self._out = out
        self._lock = threading.Lock()
        self._coloured = out.isatty() and "NO_COLOR" not in os.environ
        self._colour_of: dict[str, int] = {}

    def say(self, text: str) -> None:
        """Write a line of the stack itself."""
        self._write(text)

    def part(self, name: str, line: str) -> None:
        """Write a line that a part logged."""
        self._write(f"{self._label(name)} | {line}")

    def _label(self, name: str) -> str:
        label = name.ljust(_WIDTH)
        if not self._coloured:
            return label
        colour = self._colour_of.setdefault(name, _COLOURS[len(self._colour_of) % len(_COLOURS)])
        return f"\x1b[{colour}m{label}\x1b[0m"

    def _write(self, line: str) -> None:
        with self._lock:
            if self.reader_is_gone:
                return
            try:
                self._out.write(f"{line}\n")
                self._out.flush()
            except OSError:
                # The reader left. What the buffer still holds would fail again at exit: send it to /dev/null.
                self.reader_is_gone = True
                with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # a descriptor is needed, not a path
                    os.dup2(nowhere.fileno(), self._out.fileno())
