"""Parses what the server sends as it comes in: messages of routed subscriptions go directly to their receivers.

Everything else, and what is not understood, goes to the client's own reader, byte for byte and in order.
"""

import asyncio
import logging
from collections.abc import Callable

from services.bus.wire.message import Message

Receiver = Callable[[Message], None]

_MESSAGE = (b"MSG ", b"HMSG ")
_END = b"\r\n"

log = logging.getLogger("tarifa.bus")


class MessageReader(asyncio.Protocol):
    """Replaces a connection's protocol.

    Args:
        receivers: by the number of the subscription.
        reader: the protocol that it replaces, which gets the rest.
    """

    def __init__(self, receivers: dict[int, Receiver], reader: asyncio.Protocol, *, over_tls: bool = False) -> None:
        self._receivers = receivers
        self._reader = reader
        self._over_tls = over_tls
        self._begun = b""  # an incomplete message or line

    def data_received(self, data: bytes) -> None:
        """Pass each complete message or line to a receiver or to the reader."""
        received = self._begun + data if self._begun else data
        at = 0
        while (line_end := received.find(_END, at)) >= 0:
            begin = line_end + len(_END)
            if not received.startswith(_MESSAGE, at):
                self._reader.data_received(received[at:begin])
                at = begin
                continue
            words = received[at:line_end].split(b" ")
            end = begin + int(words[-1])
            if len(received) < end + len(_END):
                break
            receive = self._receivers.get(int(words[2]))
            if receive is None:
                self._reader.data_received(received[at : end + len(_END)])
            else:
                self._receive(receive, words, received[begin:end])
            at = end + len(_END)
        self._begun = received[at:]

    def eof_received(self) -> bool | None:
        """Pass it on; TLS cannot be half closed, whatever the reader returns."""
        return self._reader.eof_received() and not self._over_tls

    def connection_lost(self, error: Exception | None) -> None:
        """Pass it on."""
        self._reader.connection_lost(error)

    def pause_writing(self) -> None:
        """Pass it on."""
        self._reader.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._reader.resume_writing()

    def _receive(self, receive: Receiver, words: list[bytes], payload: bytes) -> None:
        # MSG <subject> <sid> [reply] <size>, HMSG <subject> <sid> [reply] <size of the head> <size of both>
        has_head = words[0] == b"HMSG"
        head_size = int(words[-2]) if has_head else 0
        reply = words[3].decode() if len(words) == (6 if has_head else 5) else ""
        try:
            receive(Message(words[1].decode(), reply, payload[head_size:], payload[:head_size]))
        except Exception:
            # A bug in a receiver must not end the connection.
            log.exception("bus.receiver_failed", extra={"subject": words[1].decode()})
