"""Each mode of the fault proxy over real sockets: what arrives where, and when, whatever the clients do meanwhile."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing

import httpx
import pytest
import pytest_asyncio
import uvloop

from sandbox.chaos.proxy import FaultProxy, Mode
from tests.integration.sandbox.test_processor import Running, new_id, payment_request

PATIENCE_S = 30
A_WHILE_S = 0.2  # how long nothing is watched to happen; more on a slow machine proves less, never something wrong

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Target:
    """Answers every line with the same line, and remembers them all."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.connection_count = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> int:
        """Listen; gives the port."""
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
        """Listen no more, and close what is open."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()


class Client:
    """One connection through the proxy."""

    def __init__(self, streams: Streams) -> None:
        self._reader, self._writer = streams

    def say(self, line: bytes) -> None:
        """Send a line."""
        self._writer.write(line)

    async def hears(self) -> bytes:
        """The next line, empty at the end."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.readline()

    async def hears_nothing(self) -> bool:
        """Whether nothing comes for a while."""
        try:
            async with asyncio.timeout(A_WHILE_S):
                await self._reader.read(1)
        except TimeoutError:
            return True
        return False

    def hang_up(self) -> None:
        """Close."""
        self._writer.close()


Connect = Callable[[], Awaitable[Client]]


async def eventually(is_so: Callable[[], object]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 (counts are polled as a harness does)
            await asyncio.sleep(0.005)


@pytest_asyncio.fixture
async def target() -> AsyncIterator[Target]:
    """A target that is not started."""
    made = Target()
    yield made
    made.stop()
    await asyncio.sleep(0)


@pytest_asyncio.fixture
async def proxy(target: Target) -> AsyncIterator[FaultProxy]:
    """A proxy in front of the started target."""
    made = FaultProxy(await target.start())
    await made.start()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def connect(proxy: FaultProxy) -> AsyncIterator[Connect]:
    """Makes clients, and hangs up for those that the test has left connected."""
    clients: list[Client] = []

    async def connect_one() -> Client:
        port = int(proxy.url.rpartition(":")[2])
        clients.append(Client(await asyncio.open_connection("127.0.0.1", port)))
        return clients[-1]

    yield connect_one
    for client in clients:
        client.hang_up()
    await asyncio.sleep(0)


async def test_everything_passes_at_first(proxy: FaultProxy, connect: Connect, target: Target) -> None:
    """Each client has a conversation of its own, and when it ends nothing is left."""
    clients = [await connect() for _ in range(3)]
    for number, client in enumerate(clients):
        client.say(b"%d\n" % number)
        assert await client.hears() == b"re: %d\n" % number
        client.hang_up()
    assert target.connection_count == 3
    await eventually(lambda: not proxy.links)
    assert proxy.counts.accepted == 3


async def test_much_at_once_arrives_whole(proxy: FaultProxy, connect: Connect, target: Target) -> None:
    """More than any buffer holds goes both ways, though nobody reads at first."""
    client = await connect()
    line = b"x" * 60_000 + b"\n"
    for _ in range(200):
        client.say(line)
    for _ in range(200):
        assert await client.hears() == b"re: " + line


async def test_refused_is_refused_by_the_kernel_and_open_connections_go_on(proxy: FaultProxy, connect: Connect) -> None:
    """New clients know that nothing was sent, old ones notice nothing, and the port is the same afterwards."""
    old = await connect()
    await proxy.refuse()
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            await connect()
    old.say(b"still\n")
    assert await old.hears() == b"re: still\n"
    await proxy.pass_through()
    new = await connect()
    new.say(b"new\n")
    assert await new.hears() == b"re: new\n"


async def test_stall_accepts_and_moves_nothing_until_it_is_over(
    proxy: FaultProxy, connect: Connect, target: Target
) -> None:
    """Old and new connections are silent during a stall; then everything arrives."""
    old = await connect()
    old.say(b"1\n")
    assert await old.hears() == b"re: 1\n"
    await proxy.stall()
    new = await connect()
    old.say(b"2\n")
    new.say(b"3\n")
    assert await old.hears_nothing()
    assert await new.hears_nothing()
    assert target.lines == [b"1\n"]
    await proxy.pass_through()
    assert (await old.hears(), await new.hears()) == (b"re: 2\n", b"re: 3\n")
    assert proxy.counts.stalled == 1


async def test_stalled_request_arrives_although_its_client_hung_up(
    proxy: FaultProxy, connect: Connect, target: Target
) -> None:
    """What was sent into a stall reaches the target after it, when nobody waits any more."""
    await proxy.stall()
    client = await connect()
    client.say(b"late\n")
    client.hang_up()
    await proxy.pass_through()
    await eventually(lambda: target.lines == [b"late\n"])


@pytest.mark.parametrize("mode", Mode)
async def test_reset_breaks_what_is_open_in_every_mode(proxy: FaultProxy, connect: Connect, mode: Mode) -> None:
    """Open connections end in a reset, and the mode goes on."""
    client = await connect()
    client.say(b"1\n")
    assert await client.hears() == b"re: 1\n"
    await getattr(proxy, mode.name.lower())()
    await proxy.reset()
    with pytest.raises(ConnectionResetError):
        await client.hears()
    assert (proxy.counts.reset, proxy.mode) == (1, mode)
    await eventually(lambda: not proxy.links)


async def test_target_that_cannot_be_reached_is_a_reset(proxy: FaultProxy, connect: Connect, target: Target) -> None:
    """The connection is there and breaks, which proves nothing to the client."""
    target.stop()
    client = await connect()
    client.say(b"1\n")
    with pytest.raises(ConnectionResetError):
        await client.hears()
    assert proxy.counts.unreachable == 1
    await eventually(lambda: not proxy.links)


async def test_target_that_closes_ends_the_clients_connection(
    proxy: FaultProxy, connect: Connect, target: Target
) -> None:
    """An orderly end is passed on as one."""
    client = await connect()
    client.say(b"1\n")
    assert await client.hears() == b"re: 1\n"
    target.stop()
    assert await client.hears() == b""


async def test_held_back_is_delivered_on_release(proxy: FaultProxy, connect: Connect, target: Target) -> None:
    """Nothing arrives before the release, on old and new connections; then answers come too, and the next is held."""
    old = await connect()
    old.say(b"1\n")
    assert await old.hears() == b"re: 1\n"
    await proxy.hold_back()
    new = await connect()
    old.say(b"2\n")
    new.say(b"3\n")
    await eventually(lambda: proxy.counts.held == 2)
    assert await old.hears_nothing()
    assert target.lines == [b"1\n"]
    await proxy.release()
    assert (await old.hears(), await new.hears()) == (b"re: 2\n", b"re: 3\n")
    old.say(b"4\n")
    await eventually(lambda: proxy.counts.held == 3)
    assert await old.hears_nothing()
    assert proxy.counts.delivered_late == 2
    assert proxy.counts.delivered_after_hang_up == 0


@pytest.mark.parametrize("release", ["release", "pass_through", "refuse"])
async def test_held_back_is_delivered_after_the_client_hung_up(
    proxy: FaultProxy, connect: Connect, target: Target, release: str
) -> None:
    """The target gets it from nobody, and its answer goes nowhere."""
    old = await connect()
    old.say(b"1\n")
    assert await old.hears() == b"re: 1\n"
    await proxy.hold_back()
    new = await connect()
    for client in (old, new):
        client.say(b"late\n")
    await eventually(lambda: proxy.counts.held == 2)
    for client in (old, new):
        client.hang_up()
    await eventually(lambda: not any(link.client.is_open for link in proxy.links))
    assert target.lines == [b"1\n"]
    await getattr(proxy, release)()
    await eventually(lambda: target.lines == [b"1\n", b"late\n", b"late\n"])
    await eventually(lambda: proxy.counts.answers_thrown_away == 2)
    assert (proxy.counts.delivered_late, proxy.counts.delivered_after_hang_up) == (2, 2)


async def test_answers_can_be_thrown_away(proxy: FaultProxy, connect: Connect, target: Target) -> None:
    """The target has it, and the client that waits hears nothing."""
    await proxy.hold_back()
    client = await connect()
    client.say(b"1\n")
    await eventually(lambda: proxy.counts.held)
    await proxy.release(throw_answers_away=True)
    await eventually(lambda: proxy.counts.answers_thrown_away)
    assert target.lines == [b"1\n"]
    assert await client.hears_nothing()


async def test_what_is_held_survives_a_reset_of_its_client(proxy: FaultProxy, connect: Connect, target: Target) -> None:
    """The client is broken off at once, and its request arrives later all the same."""
    await proxy.hold_back()
    client = await connect()
    client.say(b"1\n")
    await eventually(lambda: proxy.counts.held)
    await proxy.reset()
    with pytest.raises(ConnectionResetError):
        await client.hears()
    await proxy.release()
    await eventually(lambda: target.lines == [b"1\n"])
    assert proxy.counts.delivered_after_hang_up == 1


async def test_what_cannot_be_delivered_is_not_counted_as_delivered(
    proxy: FaultProxy, connect: Connect, target: Target
) -> None:
    """If the target is gone at the release, the held request is lost and the count says so."""
    await proxy.hold_back()
    client = await connect()
    client.say(b"1\n")
    await eventually(lambda: proxy.counts.held)
    target.stop()
    await proxy.release()
    with pytest.raises(ConnectionResetError):
        await client.hears()
    assert (proxy.counts.delivered_late, proxy.counts.unreachable) == (0, 1)


def test_processor_books_what_arrives_after_the_client_hung_up() -> None:
    """In front of a real processor and in uvloop: refused, reset and held back do to payments what they say."""
    processor = Running()
    try:
        uvloop.run(_payments_through_proxy(processor))
    finally:
        processor.stop(signal.SIGKILL)


async def _payments_through_proxy(processor: Running) -> None:
    proxy = FaultProxy(processor.port)
    await proxy.start()
    held, passed = new_id(), new_id()
    async with httpx.AsyncClient(base_url=proxy.url, timeout=PATIENCE_S) as client:
        body = payment_request(passed).partition(b"\r\n\r\n")[2]
        assert (await client.post("/payments", content=body)).status_code == 200
        await proxy.reset()
        await eventually(lambda: not proxy.links)
        await proxy.refuse()
        with pytest.raises(httpx.ConnectError):
            await client.post("/payments", content=body)
        await proxy.hold_back()
        with closing(socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])))) as caller:
            caller.sendall(payment_request(held))
            await eventually(lambda: proxy.counts.held)
        await eventually(lambda: not any(link.client.is_open for link in proxy.links))
        assert processor.booked_ids() == [passed]
        await proxy.release()
        await eventually(lambda: processor.booked_ids() == [passed, held])
    assert proxy.counts.reset == 1
    await proxy.close()
