"""The relay: bytes arrive both ways, whole and in order, and the end of one side is the end of the other."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.rinha import relay
from sandbox.rinha.processes import CannotRunError
from sandbox.stack.plan import ports
from tests.integration.sandbox.echo_target import PATIENCE_S, Client, Target, eventually


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    """A server that answers lines."""
    server = Target()
    yield server
    server.stop()


async def through_relay(to: int) -> tuple[asyncio.Server, Client]:
    """Return a relay to this port, and a client of it."""
    server = await relay.relay(0, to)
    streams = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    return server, Client(streams)


async def test_bytes_go_both_ways(target: Target) -> None:
    """Sent at once, before the relay has connected; and again on the same connection."""
    server, client = await through_relay(await target.start())
    client.send(b"one\n")
    client.send(b"two\n")
    assert [await client.receives(), await client.receives()] == [b"re: one\n", b"re: two\n"]
    client.send(b"x" * 60_000 + b"\n")
    assert await client.receives() == b"re: " + b"x" * 60_000 + b"\n"
    assert target.connection_count == 1
    client.close()
    server.close()


async def test_the_end_of_one_side_is_the_end_of_the_other(target: Target) -> None:
    """A server that closes ends the client's connection."""
    server, client = await through_relay(await target.start())
    client.send(b"one\n")
    assert await client.receives() == b"re: one\n"
    target.stop()
    assert await client.receives() == b""
    client.close()
    server.close()


async def test_a_client_that_hung_up_early_is_still_delivered(target: Target) -> None:
    """Its bytes arrive, and then its end."""
    server, client = await through_relay(await target.start())
    client.send(b"one\n")
    client.close()
    await eventually(lambda: target.lines == [b"one\n"])
    server.close()


async def test_nobody_there_ends_the_clients_connection() -> None:
    """As a published port does whose container does not listen."""
    server, client = await through_relay(ports.free(1)[0])
    assert await client.receives() == b""
    client.close()
    server.close()


async def test_it_runs_as_a_process_and_says_who_has_its_port(target: Target, tmp_path: Path) -> None:
    """Ready when the block begins, gone when it ends; a second one does not start."""
    to, listen = await target.start(), ports.free(1)[0]
    with relay.relaying(to, tmp_path, listen):
        client = Client(await asyncio.open_connection("127.0.0.1", listen))
        client.send(b"one\n")
        assert await client.receives() == b"re: one\n"
        with pytest.raises(CannotRunError, match=str(listen)):
            await asyncio.to_thread(relay.relaying(to, tmp_path, listen).__enter__)
        client.close()
    assert ports.is_free(listen)


async def test_it_ends_with_its_input(target: Target) -> None:
    """A relay does not outlive the program that started it."""
    to = await target.start()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox.rinha.relay", str(ports.free(1)[0]), str(to)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert (await process.stdout.readline()).strip() == b"relay ready"
    process.stdin.close()
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == 0
