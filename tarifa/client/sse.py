"""Server-sent events: bytes in, events out, as the HTML standard has them. Pure.

What it leaves out is what nobody here needs: event ids, by which a stream could be resumed.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

# Far above any document of ours. A stream that never ends a line must not fill this process's memory.
EVENT_CHARS_MAX = 1_000_000

_LINE_END = re.compile(r"\r\n|\r|\n")


class EventTooLongError(ValueError):
    """An event does not end; whoever reads should hang up."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``name`` is ``message`` where the stream does not say."""

    name: str
    data: str


class Parser:
    """Reads one stream. ``retry_ms`` is how long the server wants us to wait before we come again, None: unsaid."""

    def __init__(self) -> None:
        self.retry_ms: int | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._unfinished = ""
        self._was_carriage_return = False
        self._name = ""
        self._data: list[str] = []

    def feed(self, received: bytes) -> Iterator[Event]:
        """Return the events that these bytes complete; they may be cut anywhere.

        Raises:
            EventTooLongError: an event has more than ``EVENT_CHARS_MAX`` characters.
        """
        text = self._decoder.decode(received)
        if not text:
            return
        if self._was_carriage_return:  # a line end cut in two is one line end
            text = text.removeprefix("\n")
        self._was_carriage_return = text.endswith("\r")
        *lines, self._unfinished = _LINE_END.split(self._unfinished + text)
        for line in lines:
            yield from self._read(line)
        if len(self._unfinished) + sum(map(len, self._data)) > EVENT_CHARS_MAX:
            raise EventTooLongError(f"an event has more than {EVENT_CHARS_MAX} characters")

    def _read(self, line: str) -> Iterator[Event]:
        if not line:
            if self._data:  # without data it is no event, whatever its name
                yield Event(self._name or "message", "\n".join(self._data))
            self._name, self._data = "", []
            return
        field, _, value = line.partition(":")  # a comment is a line whose field has no name
        value = value.removeprefix(" ")
        match field:
            case "event":
                self._name = value
            case "data":
                self._data.append(value)
            case "retry" if value.isascii() and value.isdigit():
                self.retry_ms = int(value)
            case _:
                pass  # the standard: fields of unknown name are ignored
