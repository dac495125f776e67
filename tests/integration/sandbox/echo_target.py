"""A target that echoes lines, a client for it, and a wait: for tests of the fault proxy."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_S = 30
A_WHILE_S = 0.2  # how long a connection must stay silent: on a slow machine the check proves less, but is never wrong
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Target:
    """Answers every line with the same line, and keeps all of them."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.connection_count = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> int:
        """Listen; return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connection_count += 1
        self._writers.append(writer)
        try:
            while line := await reader.readline():
                self.lines.append(line)
                writer.write(b"re: " + line)
        except ConnectionError:
            pass
        writer.close()

    def stop(self) -> None:
        """Stop listening, and close open connections."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()


class Client:
    """One connection through the proxy."""

    def __init__(self, streams: Streams) -> None:
        self._reader, self._writer = streams

    def send(self, line: bytes) -> None:
        """Send a line."""
        self._writer.write(line)

    async def receives(self) -> bytes:
        """Return the next line, empty at the end."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.readline()

    async def receives_nothing(self) -> bool:
        """Return whether nothing comes for a while."""
        try:
            async with asyncio.timeout(A_WHILE_S):
                await self._reader.read(1)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


Connect = Callable[[], Awaitable[Client]]


async def eventually(is_so: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 (counts are polled as a harness does)
            await asyncio.sleep(0.005)
