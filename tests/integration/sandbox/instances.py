"""Small instances of ingress for tests of the balancer, scripted by the test."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sandbox.stack.plan import balancer, ports
from services.access.certificates import Certificates

PATIENCE_S = 60.0
NAMES = ("one", "two")


class Instance:
    """An ingress of the test: answers with its name, or reads a request and drops it, or never answers it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[str] = []
        self.connections = 0
        self.drops = False
        self.is_frozen = False
        self.late_s = 0.0
        self.answer = 202
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def stop(self) -> None:
        """Stop listening, close every connection, and leave the socket's file behind, like a killed process."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length:")[2].partition("\r\n")[0] or 0)
                await reader.readexactly(length)
                self.seen.append(head)
                if self.drops:
                    break
                if self.is_frozen:
                    await reader.read()  # until nginx closes
                    break
                await asyncio.sleep(self.late_s)
                body = self.path.stem.encode()
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (self.answer, len(body), body))
        self._open.discard(writer)
        writer.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # nginx's port cannot be awaited
            await asyncio.sleep(0.02)


@asynccontextmanager
async def balanced(
    nginx_binary: Path, folder: Path, instances: Sequence[Instance], tls: Certificates | None = None
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Run a real nginx in front of the instances; yield its process and its port."""
    port = ports.free(1)[0]
    listen = balancer.listen(port, tls=tls)
    balancer.write_conf(folder, listen=listen, upstreams=[f"unix:{instance.path}" for instance in instances])
    command = balancer.command(nginx_binary, folder)
    tried = subprocess.run([*command, "-t"], check=True, capture_output=True, text=True, timeout=PATIENCE_S)  # noqa: ASYNC221  # at once
    assert "[" not in tried.stderr, tried.stderr  # a warning
    nginx = await asyncio.create_subprocess_exec(*command)
    try:
        await until(lambda: not ports.is_free(port))
        yield nginx, port
    finally:
        nginx.send_signal(signal.SIGTERM)
        await nginx.wait()
