"""A message as it came over the bus."""

from collections.abc import Mapping
from functools import cached_property


class Message:
    """What came: ``subject`` it was sent to, ``reply`` where an answer goes ("" for nowhere), ``data``."""

    def __init__(self, subject: str, reply: str, data: bytes, head: bytes = b"") -> None:
        self.subject = subject
        self.reply = reply
        self.data = data
        self._head = head

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The headers; the server's own word, where it has one, as ``Status`` and ``Description``."""
        if not self._head:
            return {}
        first, *lines = self._head.decode(errors="replace").split("\r\n")
        found = {name: value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        status, _, description = first.removeprefix("NATS/1.0").strip().partition(" ")
        if status:
            found |= {"Status": status, "Description": description}
        return found
