"""A message as it came over the bus."""

from collections.abc import Mapping
from functools import cached_property


class Message:
    """A message: ``subject`` it was sent to, ``reply`` subject for an answer ("" for none), ``data``."""

    def __init__(self, subject: str, reply: str, data: bytes, head: bytes = b"") -> None:
        self.subject = subject
        self.reply = reply
        self.data = data
        self._head = head

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The headers; the server's own status, if any, as ``Status`` and ``Description``."""
        return headers_in(self._head)

    def header(self, line_begin: bytes) -> str | None:
        """Return one header, None where it is not there, without parsing the others: for frequent messages.

        ``line_begin``: the line end before its line, its name and the colon.
        """
        begin = self._head.find(line_begin)
        if begin < 0:
            return None
        value, _, _ = self._head[begin + len(line_begin) :].partition(b"\r\n")
        return value.decode(errors="replace").strip()


def headers_in(head: bytes) -> dict[str, str]:
    """Return the headers of a message; the server's own status, if any, as ``Status`` and ``Description``."""
    if not head:
        return {}
    first, *lines = head.decode(errors="replace").split("\r\n")
    found = {name: value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    status, _, description = first.removeprefix("NATS/1.0").strip().partition(" ")
    if status:
        found |= {"Status": status, "Description": description}
    return found
