"""One client's connection through the proxy, and the one to the target that belongs to it. It knows bytes only."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol, cast

# How long the connection to the target outlives a client that hung up before its bytes were delivered.
LINGER_S: Final = 30.0
# Bytes of one client that are kept; it is not read beyond.
HELD_BYTES_MAX: Final = 1 << 20


_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Mode(Enum):
    """What becomes of bytes and of new connections."""

    PASS_THROUGH = auto()
    REFUSE = auto()
    STALL = auto()
    HOLD_BACK = auto()


@dataclass(slots=True)
class Counts:
    """What has happened since the start, in connections; without pipelining each has one request under way at most."""

    accepted: int = 0
    stalled: int = 0  # accepted during a stall
    reset: int = 0  # clients that got an RST
    unreachable: int = 0  # the target did not take the connection
    held: int = 0  # requests held back
    delivered_late: int = 0  # of these, handed to the target
    delivered_after_hang_up: int = 0  # of these, for a client that had gone
    answers_thrown_away: int = 0  # pieces from the target that had no one to go to, or were not to arrive


class Way(Protocol):
    """What a link needs to know of the proxy that it is part of."""

    mode: Mode
    counts: Counts
    links: "set[Link]"

    @property
    def to(self) -> tuple[str, int]:
        """The target."""


class Link:
    """One client's connection, what is held of it, and the connection to the target that belongs to it."""

    def __init__(self, proxy: Way) -> None:
        self._proxy = proxy
        self.client = End(came=self._client_came, got=self._client_said, went=self._client_went, settle=self.settle)
        self._target = self._new_target()
        self._held = b""
        self._connecting: asyncio.Task[None] | None = None
        self._is_mute = False
        self.holds_late = False  # held on purpose, not only until the target is connected

    def settle(self) -> None:
        """Read from each end if bytes from there may be taken now."""
        flows = self._proxy.mode is not Mode.STALL
        self.client.read(wanted=flows and not self._target.is_full and len(self._held) < HELD_BYTES_MAX)
        self._target.read(wanted=flows and not self.client.is_full)

    async def release(self, *, is_mute: bool) -> None:
        """Deliver what is held; returns when the target has it or cannot be reached."""
        self._is_mute = is_mute
        self._send_held()
        if self._connecting is not None:
            await asyncio.wait([self._connecting])

    def reset(self) -> None:
        """Break both connections; bytes that are held keep their place."""
        self._proxy.counts.reset += self.client.is_open
        self.client.reset()
        self._target.reset()

    def abandon(self) -> None:
        """Let go of everything."""
        self._drop_held()
        self._proxy.links.discard(self)
        if self._connecting is not None:
            self._connecting.cancel()
        self.client.abort()
        self._target.abort()

    # The client.

    def _client_came(self) -> None:
        self._proxy.links.add(self)
        self._proxy.counts.accepted += 1
        self._proxy.counts.stalled += self._proxy.mode is Mode.STALL
        self.settle()

    def _client_said(self, piece: bytes) -> None:
        self._held += piece
        if self._proxy.mode is not Mode.HOLD_BACK:
            self._send_held()
            return
        self._proxy.counts.held += not self.holds_late
        self.holds_late = True
        self.settle()

    def _client_went(self, _: Exception | None) -> None:
        if not self._held:
            self._target.close()
            self._end_if_over()

    # The target.

    def _new_target(self) -> "End":
        return End(came=self._send_held, got=self._target_said, went=self._target_went, settle=self.settle)

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
        self.settle()
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

    def _target_said(self, piece: bytes) -> None:
        if self._is_mute or not self.client.is_open:
            self._proxy.counts.answers_thrown_away += 1
        else:
            self.client.write(piece)

    def _target_went(self, why: Exception | None) -> None:
        """Show the client what the target showed: an orderly end or a broken one."""
        if why is None:
            self.client.close()
        else:
            self.client.reset()
        self._end_if_over()

    def _end_if_over(self) -> None:
        if not self.client.is_open and not self._target.is_open and not self._held:
            self._proxy.links.discard(self)


class End(asyncio.Protocol):
    """One socket of a link."""

    def __init__(
        self,
        *,
        came: Callable[[], None],
        got: Callable[[bytes], None],
        went: Callable[[Exception | None], None],
        settle: Callable[[], None],
    ) -> None:
        self._came = came
        self._got = got
        self._went = went
        self._settle = settle
        self._transport: asyncio.Transport | None = None
        self.is_full = False

    @property
    def is_open(self) -> bool:
        """Whether it is connected."""
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the link."""
        self._transport = cast("asyncio.Transport", transport)
        self._came()

    def data_received(self, data: bytes) -> None:
        """Give the bytes to the link."""
        self._got(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the link."""
        self._transport = None
        self._went(exc)

    def pause_writing(self) -> None:
        """Have the other end read no more for now."""
        self.is_full = True
        self._settle()

    def resume_writing(self) -> None:
        """Have the other end read again."""
        self.is_full = False
        self._settle()

    def read(self, *, wanted: bool) -> None:
        """Read from the socket, or leave bytes where they are."""
        if self._transport is None or self._transport.is_closing():
            return
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def write(self, piece: bytes) -> None:
        """Send bytes."""
        if self._transport is not None:
            self._transport.write(piece)

    def close(self) -> None:
        """Close after everything written has gone out."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """Close at once and let the peer know by RST."""
        if self._transport is None or self._transport.is_closing():
            return
        # A duplicate sets the option of the same connection, whichever loop owns the socket.
        with socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno())) as duplicate:
            duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()
