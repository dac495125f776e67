"""Passing, refusing, stalling and resetting in the fault proxy, over real sockets."""

import pytest

from sandbox.chaos.proxy import FaultProxy, Mode
from tests.integration.sandbox.echo_target import Connect, Target, eventually


async def test_everything_passes_at_first(proxy: FaultProxy, connect: Connect, target: Target) -> None:
    """Each client has its own connection, and when it ends nothing is left."""
    clients = [await connect() for _ in range(3)]
    for number, client in enumerate(clients):
        client.send(b"%d\n" % number)
        assert await client.receives() == b"re: %d\n" % number
        client.close()
    assert target.connection_count == 3
    await eventually(lambda: not proxy.links)
    assert proxy.counts.accepted == 3


async def test_more_than_any_buffer_holds_arrives_complete(proxy: FaultProxy, connect: Connect, target: Target) -> None:
    """In both directions, though nothing is read at first."""
    client = await connect()
    line = b"x" * 60_000 + b"\n"
    for _ in range(200):
        client.send(line)
    for _ in range(200):
        assert await client.receives() == b"re: " + line


async def test_refused_by_the_kernel_while_open_connections_continue(proxy: FaultProxy, connect: Connect) -> None:
    """New clients are refused, old connections continue, and the port stays the same."""
    old = await connect()
    await proxy.refuse()
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            await connect()
    old.send(b"still\n")
    assert await old.receives() == b"re: still\n"
    await proxy.pass_through()
    new = await connect()
    new.send(b"new\n")
    assert await new.receives() == b"re: new\n"


async def test_a_stall_accepts_and_transfers_nothing_until_it_is_over(
    proxy: FaultProxy, connect: Connect, target: Target
) -> None:
    """Old and new connections are silent during a stall; then everything arrives."""
    old = await connect()
    old.send(b"1\n")
    assert await old.receives() == b"re: 1\n"
    await proxy.stall()
    new = await connect()
    old.send(b"2\n")
    new.send(b"3\n")
    assert await old.receives_nothing()
    assert await new.receives_nothing()
    assert target.lines == [b"1\n"]
    await proxy.pass_through()
    assert (await old.receives(), await new.receives()) == (b"re: 2\n", b"re: 3\n")
    assert proxy.counts.stalled == 1


async def test_stalled_request_arrives_although_its_client_hung_up(
    proxy: FaultProxy, connect: Connect, target: Target
) -> None:
    """What was sent into a stall reaches the target after it, when its client has gone."""
    await proxy.stall()
    client = await connect()
    client.send(b"late\n")
    client.close()
    await proxy.pass_through()
    await eventually(lambda: target.lines == [b"late\n"])


@pytest.mark.parametrize("mode", Mode)
async def test_reset_breaks_what_is_open_in_every_mode(proxy: FaultProxy, connect: Connect, mode: Mode) -> None:
    """Open connections end with a reset, and the mode stays."""
    client = await connect()
    client.send(b"1\n")
    assert await client.receives() == b"re: 1\n"
    await getattr(proxy, mode.name.lower())()
    await proxy.reset()
    with pytest.raises(ConnectionResetError):
        await client.receives()
    assert (proxy.counts.reset, proxy.mode) == (1, mode)
    await eventually(lambda: not proxy.links)


async def test_target_that_cannot_be_reached_is_a_reset(proxy: FaultProxy, connect: Connect, target: Target) -> None:
    """It is accepted and breaks, which proves nothing to the client."""
    target.stop()
    client = await connect()
    client.send(b"1\n")
    with pytest.raises(ConnectionResetError):
        await client.receives()
    assert proxy.counts.unreachable == 1
    await eventually(lambda: not proxy.links)


async def test_target_that_closes_ends_the_clients_connection(
    proxy: FaultProxy, connect: Connect, target: Target
) -> None:
    """An orderly end stays one."""
    client = await connect()
    client.send(b"1\n")
    assert await client.receives() == b"re: 1\n"
    target.stop()
    assert await client.receives() == b""
