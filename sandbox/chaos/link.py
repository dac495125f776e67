"""One client's connection through the proxy, and its connection to the target. It knows only bytes."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol, cast

# How long the connection to the target stays open after a client hung up before its bytes were delivered.
LINGER_S: Final = 30.0
# Bytes of one client that are held; beyond this it is not read from.
HELD_BYTES_MAX: Final = 1 << 20

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Mode(Enum):
    """What happens to bytes and to new connections."""

    PASS_THROUGH = auto()
    REFUSE = auto()
    STALL = auto()
    HOLD_BACK = auto()


@dataclass(slots=True)
class ProxyCounts:
    """Counts since the start, of connections; without pipelining each has at most one request under way."""

    accepted: int = 0
    stalled: int = 0  # accepted during a stall
    reset: int = 0  # clients that got an RST
    unreachable: int = 0  # the target refused the connection
    held: int = 0  # requests held back
    delivered_late: int = 0  # of these, delivered to the target
    delivered_after_hang_up: int = 0  # of these, for a client that was gone
    answers_thrown_away: int = 0  # pieces from the target that no client received, or was to receive


class LinkProxy(Protocol):
    """The proxy, as far as its links need it."""

    mode: Mode
    counts: ProxyCounts
    links: "set[Link]"

    @property
    def to(self) -> tuple[str, int]:
        """The target's address."""


class Link:
    """One client's connection, the bytes held from it, and its connection to the target."""

    def __init__(self, proxy: LinkProxy) -> None:
        self._proxy = proxy
        self.client = End(self._client_opened, self._client_sent, self._client_ended, self.update_reading)
        self._target = self._new_target()
        self._held = b""
        self._connecting: asyncio.Task[None] | None = None
        self._drops_answers = False
        self.holds_late = False  # held on purpose, not only until the target is connected

    def update_reading(self) -> None:
        """Read from each end if its bytes may be taken now."""
        flows = self._proxy.mode is not Mode.STALL
        self.client.read(wanted=flows and not self._target.is_full and len(self._held) < HELD_BYTES_MAX)
        self._target.read(wanted=flows and not self.client.is_full)

    async def release(self, *, drop_answers: bool) -> None:
        """Deliver what is held; return when the target has it or cannot be reached."""
        self._drops_answers = drop_answers
        self._send_held()
        if self._connecting is not None:
            await asyncio.wait([self._connecting])

    def reset(self) -> None:
        """Break both connections; held bytes stay held."""
        self._proxy.counts.reset += self.client.is_open
        self.client.reset()
        self._target.reset()

    def abandon(self) -> None:
        """Close both connections, and drop what is held."""
        self._drop_held()
        self._proxy.links.discard(self)
        if self._connecting is not None:
            self._connecting.cancel()
        self.client.abort()
        self._target.abort()

    # The client.

    def _client_opened(self) -> None:
        self._proxy.links.add(self)
        self._proxy.counts.accepted += 1
        self._proxy.counts.stalled += self._proxy.mode is Mode.STALL
        self.update_reading()

    def _client_sent(self, piece: bytes) -> None:
        self._held += piece
        if self._proxy.mode is not Mode.HOLD_BACK:
            self._send_held()
            return
        self._proxy.counts.held += not self.holds_late
        self.holds_late = True
        self.update_reading()

    def _client_ended(self, _: Exception | None) -> None:
        if not self._held:
            self._target.close()
            self._end_if_over()

    # The target.

    def _new_target(self) -> "End":
        return End(self._send_held, self._target_sent, self._target_ended, self.update_reading)

    def _send_held(self) -> None:
        """Send what is held, over a new connection if there is none."""
        loop = asyncio.get_running_loop()
        if not self._target.is_open:
            self._connecting = self._connecting or loop.create_task(self._connect())
            return
        self._proxy.counts.delivered_late += self.holds_late
        self._proxy.counts.delivered_after_hang_up += self.holds_late and not self.client.is_open
        self._target.write(self._held)
        self._drop_held()
        self.update_reading()
        if not self.client.is_open:
            loop.call_later(LINGER_S, self._target.close)

    def _drop_held(self) -> None:
        self._held = b""
        self.holds_late = False

    async def _connect(self) -> None:
        self._target = self._new_target()
        try:
            await asyncio.get_running_loop().create_connection(lambda: self._target, *self._proxy.to)
        except OSError:
            self._proxy.counts.unreachable += 1
            self._drop_held()
            self.reset()
            self._end_if_over()
        finally:
            self._connecting = None

    def _target_sent(self, piece: bytes) -> None:
        if self._drops_answers or not self.client.is_open:
            self._proxy.counts.answers_thrown_away += 1
        else:
            self.client.write(piece)

    def _target_ended(self, why: Exception | None) -> None:
        """End the client's connection as the target's ended: in order, or broken."""
        if why is None:
            self.client.close()
        else:
            self.client.reset()
        self._end_if_over()

    def _end_if_over(self) -> None:
        if not self.client.is_open and not self._target.is_open and not self._held:
            self._proxy.links.discard(self)


class End(asyncio.Protocol):
    """One socket of a link: the client's or the target's."""

    def __init__(
        self,
        on_open: Callable[[], None],
        on_bytes: Callable[[bytes], None],
        on_end: Callable[[Exception | None], None],
        update_reading: Callable[[], None],
    ) -> None:
        self._on_open = on_open
        self._on_bytes = on_bytes
        self._on_end = on_end
        self._update_reading = update_reading
        self._transport: asyncio.Transport | None = None
        self.is_full = False

    @property
    def is_open(self) -> bool:
        """Whether it is connected."""
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and call ``on_open``."""
        self._transport = cast("asyncio.Transport", transport)
        self._on_open()

    def data_received(self, data: bytes) -> None:
        """Call ``on_bytes`` with what was received."""
        self._on_bytes(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the transport, and call ``on_end``; None: it ended in order."""
        self._transport = None
        self._on_end(exc)

    def pause_writing(self) -> None:
        """Stop reading from the other end for now."""
        self.is_full = True
        self._update_reading()

    def resume_writing(self) -> None:
        """Read from the other end again."""
        self.is_full = False
        self._update_reading()

    def read(self, *, wanted: bool) -> None:
        """Read from the socket, or leave the bytes in it."""
        if self._transport is None or self._transport.is_closing():
            return
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def write(self, piece: bytes) -> None:
        """Send bytes; without a connection they are dropped."""
        if self._transport is not None:
            self._transport.write(piece)

    def close(self) -> None:
        """Close after everything written was sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not sent yet is lost."""
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """Close at once with an RST to the peer."""
        if self._transport is None or self._transport.is_closing():
            return
        # A duplicate sets the option of the same connection, whichever loop owns the socket.
        with socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno())) as duplicate:
            duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()
