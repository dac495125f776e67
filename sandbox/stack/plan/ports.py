"""Ports: whether one is free, who holds it, and free ones for a test's stack."""

import contextlib
import os
import random
import socket
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from sandbox.stack.errors import StackError
from services.settings.environment import SettingError

HOST = "127.0.0.1"
PORT_MAX = 65_535

# The kernel may still be cleaning up parts of a stack that was killed a moment ago.
FREE_WITHIN_S = 2.0

# Below the range from which the kernel assigns ports to outgoing connections: none takes a port while its part is down.
_TEST_PORTS = range(20_000, 32_000)

_LISTENING = "0A"


def check(wanted: Mapping[str, int], within_s: float = FREE_WITHIN_S) -> None:
    """Return when all ports are free.

    Raises:
        StackError: names each port that is taken, what needs it, and who holds it as far as that is visible.
        SettingError: names one above 65535; the ports of several parts follow the first one that was given.
    """
    for part, port in wanted.items():
        if port > PORT_MAX:
            raise SettingError(f"port {port} ({part}) is above {PORT_MAX}: choose a lower first port")
    deadline_s = time.monotonic() + within_s
    while taken := {part: port for part, port in wanted.items() if not is_free(port)}:
        if time.monotonic() >= deadline_s:
            raise StackError(
                "\n".join(f"port {port} ({part}) is taken by {holder(port)}" for part, port in taken.items())
            )
        time.sleep(0.1)


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now."""
    with contextlib.closing(socket.socket()) as probe:
        return _bound(probe, port)


def free(count: int, but: Collection[int] = ()) -> list[int]:
    """Return distinct ports that are free now; none of them is in ``but``."""
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(_TEST_PORTS, len(_TEST_PORTS)):
            if len(ports) == count:
                break
            if port not in but and _bound(held.enter_context(contextlib.closing(socket.socket())), port):
                ports.append(port)
    return ports


def free_in_a_row(count: int, but: Collection[int] = ()) -> int:
    """Return the first of ``count`` consecutive ports that are free now; none of them is in ``but``.

    Raises:
        StackError: there are none.
    """
    for first in random.sample(_TEST_PORTS, len(_TEST_PORTS)):
        row = range(first, first + count)
        if not any(port in but for port in row) and all(map(is_free, row)):
            return first
    raise StackError(f"no {count} ports in a row are free in {_TEST_PORTS}")


def of_a_stack(nats_nodes: int, but: Collection[int] = ()) -> dict[str, int]:
    """Return free ports for a stack, by flag; for a flag with several ports, the first.

    None of them is in ``but``.

    Raises:
        StackError: there are none.
    """
    flags = ("http", "nats", "monitor", "default", "fallback")
    found = dict(zip(flags, free(len(flags), but), strict=True))
    if nats_nodes > 1:
        first = free_in_a_row(3 * nats_nodes, but=(*found.values(), *but))
        found |= {flag: first + place * nats_nodes for place, flag in enumerate(("nats", "monitor", "route"))}
    return found


def holder(port: int) -> str:
    """Return who listens on a port, from what /proc shows to this user."""
    inodes = set(_listening_inodes(port))
    for process in Path("/proc").glob("[0-9]*"):
        if inodes & set(_socket_inodes(process)):
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f"process {process.name}: {command}"
    return "a process that cannot be seen from here"


def _bound(probe: socket.socket, port: int) -> bool:
    # As servers do: a connection of an earlier server that is still closing does not count.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((HOST, port))
        probe.listen(1)  # where another socket listens with SO_REUSEPORT, only this fails
    except OSError:
        return False
    return True


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _socket_inodes(process: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                target = os.readlink(descriptor)  # noqa: PTH115  # not a path: socket:[inode]
                if target.startswith("socket:["):
                    yield target[len("socket:[") : -1]
