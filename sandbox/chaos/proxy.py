"""The network between a dispatcher and a processor, which can be cut, frozen, or made to deliver late.

A `FaultProxy` listens for clients and opens a connection to the target for each of them. It knows bytes, not HTTP. Its
mode decides what it does with all connections, open ones and new ones:

- pass_through: bytes go both ways as they come.
- refuse: nothing listens, so the kernel refuses new connections; open ones continue.
- stall: connections are accepted and nothing is read in either direction; what is under way arrives after the stall.
- hold_back: what clients send is read and held; `release` delivers it, even if the client has hung up.

`reset` is not a mode: it breaks the open connections once. A target that cannot be reached looks like a reset too,
since the client's connection was accepted by then; only with `refuse` does a client know that nothing was sent.
"""

import asyncio
import socket
from typing import Final

from sandbox.chaos.link import Link, Mode, ProxyCounts

__all__ = ["FaultProxy", "Mode", "ProxyCounts"]

_BACKLOG: Final = 4_096


class FaultProxy:
    """A proxy to one target on this machine, in the event loop of its caller."""

    def __init__(self, to_port: int, listen_port: int = 0, host: str = "127.0.0.1") -> None:
        self.to: Final = (host, to_port)
        self.counts = ProxyCounts()
        self.mode = Mode.PASS_THROUGH
        self.links: set[Link] = set()
        # Bound and never listening: it keeps the port while connections are refused.
        self._reserved = _bound((host, listen_port))
        self._address: Final[tuple[str, int]] = self._reserved.getsockname()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return self._address[1]

    @property
    def url(self) -> str:
        """The URL for clients."""
        return "http://{}:{}".format(*self._address)

    async def start(self) -> None:
        """Listen, in mode `pass_through`."""
        await self._change(Mode.PASS_THROUGH)

    async def close(self) -> None:
        """Close everything; what is held is lost."""
        self._stop_listening()
        for link in list(self.links):
            link.abandon()
        self._reserved.close()

    async def pass_through(self) -> None:
        """Pass bytes on again, those that were stalled or held first."""
        await self._change(Mode.PASS_THROUGH)
        await self.release()

    async def refuse(self) -> None:
        """Stop listening; open connections continue, so `reset` them too for a complete outage."""
        await self._change(Mode.REFUSE)
        await self.release()

    async def stall(self) -> None:
        """Accept connections, and transfer nothing."""
        await self._change(Mode.STALL)

    async def hold_back(self) -> None:
        """Hold what clients send until `release`; answers to what was sent before still arrive."""
        await self._change(Mode.HOLD_BACK)

    async def release(self, *, drop_answers: bool = False) -> None:
        """Deliver what is held and return when that is done; in mode `hold_back`, what comes later is held.

        Args:
            drop_answers: clients that still wait get nothing more on their connections.
        """
        await asyncio.gather(*(link.release(drop_answers=drop_answers) for link in self.links if link.holds_late))

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
            link.update_reading()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


def _bound(address: tuple[str, int]) -> socket.socket:
    """Return a socket bound to this address, which another one of ours that listens may share."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Not SO_REUSEADDR: with it, a search for a free port would find this one while nothing listens at it.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(address)
    return bound
