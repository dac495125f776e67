"""Server-sent events: bytes in, events out, as the HTML standard defines them. Pure.

Event ids, by which a stream could be resumed, are ignored: nothing here uses them.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

# Far above any document of the service. A line that never ends must not fill this process's memory.
EVENT_CHARS_MAX = 1_000_000

_LINE_END = re.compile(r"\r\n|\r|\n")


class EventTooLongError(ValueError):
    """An event does not end; close the connection."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``name`` is ``message`` where the stream gives none."""

    name: str
    data: str


class Parser:
    """Parses one stream. ``retry_ms`` is the reconnection time that the server asked for, None if it did not."""

    def __init__(self) -> None:
        self.retry_ms: int | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._unfinished = ""
        self._was_carriage_return = False
        self._name = ""
        self._data: list[str] = []

    def feed(self, received: bytes) -> Iterator[Event]:
        """Return the events that these bytes complete; bytes may be cut anywhere.

        Raises:
            EventTooLongError: an event has more than ``EVENT_CHARS_MAX`` characters.
        """
        text = self._decoder.decode(received)
        if not text:
            return
        if self._was_carriage_return:  # a line end cut in two counts once
            text = text.removeprefix("\n")
        self._was_carriage_return = text.endswith("\r")
        *lines, self._unfinished = _LINE_END.split(self._unfinished + text)
        for line in lines:
            yield from self._read(line)
        if len(self._unfinished) + sum(map(len, self._data)) > EVENT_CHARS_MAX:
            raise EventTooLongError(f"an event has more than {EVENT_CHARS_MAX} characters")

    def _read(self, line: str) -> Iterator[Event]:
        if not line:
            if self._data:  # without data there is no event, whatever its name
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
