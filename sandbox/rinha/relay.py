"""`python -m sandbox.rinha.relay LISTEN TO`: relay TCP connections between two ports of this machine.

A Docker engine does this for clients on its own machine that connect to a published port: a process, the "userland
proxy", copies bytes both ways. It adds about a millisecond to the p99 of the preview. So that limits without docker
predict a run with it, their load goes through this relay. It ends when its standard input does.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, cast

import uvloop

from sandbox.rinha.processes import CannotRunError, started, wait_for_line
from sandbox.stack.errors import StackError
from sandbox.stack.plan.ports import HOST, check

PORT: Final = 9998  # stands for the port that an engine publishes
_READY: Final = "relay ready"
_READY_WITHIN_S: Final = 20.0
_STOPS_WITHIN_S: Final = 5.0
_BACKLOG: Final = 4_096


@contextmanager
def relaying(to: int, folder: Path, listen: int = PORT) -> Iterator[None]:
    """Relay ``listen`` to another port of this machine, in a process of its own; its log is in the folder.

    Raises:
        CannotRunError: the port is taken, or it does not start; the message says why.
    """
    try:
        check({"relay": listen})
    except StackError as error:
        raise CannotRunError(str(error)) from None
    log = folder / "relay.log"
    command = [sys.executable, "-m", "sandbox.rinha.relay", str(listen), str(to)]
    with started(command, log=log, environment={}, stop_within_s=_STOPS_WITHIN_S) as process:
        wait_for_line(process, _READY, log=log, within_s=_READY_WITHIN_S)
        yield


class _Side(asyncio.Protocol):
    """One side of a connection: what it reads is written to the other side, or kept until that is connected."""

    def __init__(self) -> None:
        self.other: _Side | None = None
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._ends = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.writelines(self._early)
        if self._ends:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        if self.other is not None:
            self.other.close()

    def write(self, data: bytes) -> None:
        """Send bytes, now or once connected."""
        if self._transport is None:
            self._early.append(data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close when everything is sent, now or once connected."""
        self._ends = True
        if self._transport is not None:
            self._transport.close()


async def relay(listen: int, to: int) -> asyncio.Server:
    """Listen at one port, and open a connection to the other for each client; ports of this machine.

    A client whose connection cannot be opened is disconnected. What one side sends waits in memory until the other
    reads it, without a bound: a client of the load test has one call under way, of less than a KiB.
    """
    loop = asyncio.get_running_loop()
    connecting: set[asyncio.Task[None]] = set()

    async def connect(near: _Side, far: _Side) -> None:
        try:
            await loop.create_connection(lambda: far, HOST, to)
        except OSError:
            near.close()

    def accepted() -> _Side:
        near, far = _Side(), _Side()
        near.other, far.other = far, near
        task = loop.create_task(connect(near, far))
        connecting.add(task)
        task.add_done_callback(connecting.discard)
        return near

    return await loop.create_server(accepted, HOST, listen, backlog=_BACKLOG)


async def _until_input_ends(listen: int, to: int) -> None:
    server = await relay(listen, to)
    print(_READY, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvloop.run(_until_input_ends(int(sys.argv[1]), int(sys.argv[2])))
