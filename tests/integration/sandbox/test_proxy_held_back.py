"""What the fault proxy holds back is delivered on release, whatever its clients do meanwhile."""

import signal
import socket
from contextlib import closing

import httpx
import pytest
import uvloop

from sandbox.chaos.proxy import FaultProxy
from tests.integration.sandbox.echo_target import PATIENCE_S, Connect, Target, eventually
from tests.integration.sandbox.processor_process import ProcessorProcess, new_id, payment_request


async def test_held_back_is_delivered_on_release(proxy: FaultProxy, connect: Connect, target: Target) -> None:
    """Nothing arrives before the release, on old and new connections; then answers come too, and the next is held."""
    old = await connect()
    old.send(b"1\n")
    assert await old.receives() == b"re: 1\n"
    await proxy.hold_back()
    new = await connect()
    old.send(b"2\n")
    new.send(b"3\n")
    await eventually(lambda: proxy.counts.held == 2)
    assert await old.receives_nothing()
    assert target.lines == [b"1\n"]
    await proxy.release()
    assert (await old.receives(), await new.receives()) == (b"re: 2\n", b"re: 3\n")
    old.send(b"4\n")
    await eventually(lambda: proxy.counts.held == 3)
    assert await old.receives_nothing()
    assert proxy.counts.delivered_late == 2
    assert proxy.counts.delivered_after_hang_up == 0


@pytest.mark.parametrize("release", ["release", "pass_through", "refuse"])
async def test_held_back_is_delivered_after_the_client_hung_up(
    proxy: FaultProxy, connect: Connect, target: Target, release: str
) -> None:
    """The target gets it from a closed client, and its answer is dropped."""
    old = await connect()
    old.send(b"1\n")
    assert await old.receives() == b"re: 1\n"
    await proxy.hold_back()
    new = await connect()
    for client in (old, new):
        client.send(b"late\n")
    await eventually(lambda: proxy.counts.held == 2)
    for client in (old, new):
        client.close()
    await eventually(lambda: not any(link.client.is_open for link in proxy.links))
    assert target.lines == [b"1\n"]
    await getattr(proxy, release)()
    await eventually(lambda: target.lines == [b"1\n", b"late\n", b"late\n"])
    await eventually(lambda: proxy.counts.answers_thrown_away == 2)
    assert (proxy.counts.delivered_late, proxy.counts.delivered_after_hang_up) == (2, 2)


async def test_answers_can_be_thrown_away(proxy: FaultProxy, connect: Connect, target: Target) -> None:
    """The target has it, and the client that waits receives nothing."""
    await proxy.hold_back()
    client = await connect()
    client.send(b"1\n")
    await eventually(lambda: proxy.counts.held)
    await proxy.release(drop_answers=True)
    await eventually(lambda: proxy.counts.answers_thrown_away)
    assert target.lines == [b"1\n"]
    assert await client.receives_nothing()


async def test_what_is_held_is_delivered_after_a_reset_of_its_client(
    proxy: FaultProxy, connect: Connect, target: Target
) -> None:
    """The client's connection is reset at once, and its request still arrives later."""
    await proxy.hold_back()
    client = await connect()
    client.send(b"1\n")
    await eventually(lambda: proxy.counts.held)
    await proxy.reset()
    with pytest.raises(ConnectionResetError):
        await client.receives()
    await proxy.release()
    await eventually(lambda: target.lines == [b"1\n"])
    assert proxy.counts.delivered_after_hang_up == 1


async def test_what_cannot_be_delivered_is_not_counted_as_delivered(
    proxy: FaultProxy, connect: Connect, target: Target
) -> None:
    """If the target is gone at the release, the held request is lost and the counts show it."""
    await proxy.hold_back()
    client = await connect()
    client.send(b"1\n")
    await eventually(lambda: proxy.counts.held)
    target.stop()
    await proxy.release()
    with pytest.raises(ConnectionResetError):
        await client.receives()
    assert (proxy.counts.delivered_late, proxy.counts.unreachable) == (0, 1)


def test_processor_books_what_arrives_after_the_client_hung_up() -> None:
    """In front of a real processor and with uvloop: refused, reset and held back affect payments as they should."""
    processor = ProcessorProcess()
    try:
        uvloop.run(_payments_through_proxy(processor))
    finally:
        processor.stop(signal.SIGKILL)


async def _payments_through_proxy(processor: ProcessorProcess) -> None:
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
