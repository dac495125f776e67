"""The network between a dispatcher and a processor, which can be cut, frozen, or made to deliver late.

A `FaultProxy` listens for clients and has a connection of its own to the target for each of them. It knows bytes, not
HTTP. What it does depends on its mode, which holds for all connections, those that are open as well as those to come:

- pass_through: bytes go both ways as they come.
- refuse: nothing listens, so that the kernel refuses new connections; open ones go on.
- stall: connections are accepted and nothing is read, either way; what is under way arrives when the stall is over.
- hold_back: what clients send is taken from them and kept; `release` delivers it, even if the client has hung up.

`reset` is no mode: it breaks what is open, now. A target that cannot be reached shows as a reset too, since by then the
client's connection has been accepted; only `refuse` lets a client know that nothing was sent.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, cast

# How long the connection to the target outlives a client that hung up before its bytes were delivered.
LINGER_S: Final = 30.0
# Bytes of one client that are kept; it is not read beyond.
HELD_BYTES_MAX: Final = 1 << 20

_BACKLOG: Final = 4_096
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


class FaultProxy:
    """A way from clients to one target on this machine, in the loop of whoever starts it."""

    def __init__(self, to_port: int, listen_port: int = 0, host: str = "127.0.0.1") -> None:
        self.to: Final = (host, to_port)
        self.counts = Counts()
        self.mode = Mode.PASS_THROUGH
        self.links: set[Link] = set()
        # Bound and never listening: the port stays ours while connections are refused.
        self._place = _bound((host, listen_port))
        self._address: Final[tuple[str, int]] = self._place.getsockname()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        return "http://{}:{}".format(*self._address)

    async def start(self) -> None:
        """Begin to listen."""
        await self._change(Mode.PASS_THROUGH)

    async def close(self) -> None:
        """End everything; what is held is lost."""
        self._stop_listening()
        for link in list(self.links):
            link.abandon()
        self._place.close()

    async def pass_through(self) -> None:
        """Let everything flow again, what was stalled or held first."""
        await self._change(Mode.PASS_THROUGH)
        await self.release()

    async def refuse(self) -> None:
        """Stop listening; open connections go on, so `reset` them too for a complete outage."""
        await self._change(Mode.REFUSE)
        await self.release()

    async def stall(self) -> None:
        """Accept connections, and move no byte."""
        await self._change(Mode.STALL)

    async def hold_back(self) -> None:
        """Take what clients send, and keep it until `release`; answers to what was sent before still arrive."""
        await self._change(Mode.HOLD_BACK)

    async def release(self, *, throw_answers_away: bool = False) -> None:
        """Deliver what is held and return when that is done; while the mode is `hold_back`, what comes later is held.

        Args:
            throw_answers_away: clients that still wait get nothing on their connections any more.
        """
        await asyncio.gather(*(link.release(is_mute=throw_answers_away) for link in self.links if link.holds_late))

    async def reset(self) -> None:
        """Break all open connections with RST, on both sides; what is held stays held."""
        for link in list(self.links):
            link.reset()

    async def _change(self, mode: Mode) -> None:
        self.mode = mode
        if mode is Mode.REFUSE:
            self._stop_listening()
        elif self._server is None:
            loop = asyncio.get_running_loop()
            listening = _bound(self._address)
            self._server = await loop.create_server(lambda: Link(self).client, sock=listening, backlog=_BACKLOG)
        for link in list(self.links):
            link.settle()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


class Link:
    """One client's connection, what is held of it, and the connection to the target that belongs to it."""

    def __init__(self, proxy: FaultProxy) -> None:
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


def _bound(address: tuple[str, int]) -> socket.socket:
    """A socket with this address, which another one that listens may share."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(address)
    return bound
