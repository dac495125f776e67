"""Closing a connection: what was published is sent, and it ends whatever state the server is in."""

import asyncio

import pytest
import uvloop

from services.bus.wire.connection import Bus
from tests.integration.bus.conftest import Connect
from tests.integration.bus.echo import echo_on
from tests.nats_server import PATIENCE_S, NatsServer, until


async def test_close_sends_what_is_waiting(bus: Bus, connect: Connect) -> None:
    """What was published before the close has left."""
    heard = await echo_on(bus, "subject")
    other = await connect()
    for _ in range(100):
        other.publish("subject", b"x" * 10_000)
    await other.close()
    await until(lambda: len(heard) == 100, "the messages")


@pytest.mark.usefixtures("short_timeouts")
async def test_close_ends_though_the_server_is_frozen_and_takes_nothing(
    nats_server: NatsServer, connect: Connect
) -> None:
    """A service can always be stopped."""
    bus = await connect()
    nats_server.freeze()
    for _ in range(640):
        bus.publish("subject", b"x" * 62_500)
    await asyncio.wait_for(bus.close(), PATIENCE_S)
    assert not bus.is_connected


async def test_close_ends_while_the_server_is_away(nats_server: NatsServer, bus: Bus) -> None:
    """A service can be stopped while it waits for NATS to come back."""
    nats_server.kill()
    await until(lambda: not bus.is_connected, "the loss")
    await asyncio.wait_for(bus.close(), PATIENCE_S)


def test_close_ends_quietly_after_the_server_died_under_a_new_subscription(nats_server: NatsServer) -> None:
    """In the services' own loop: the client flushes to a connection that has ended."""

    async def story() -> None:
        bus = await Bus.connect(nats_server.url, "test")
        nats_server.kill()
        await until(lambda: not bus.is_connected, "the loss")
        await bus.subscribe("subject", lambda _: None)
        await asyncio.wait_for(bus.close(), PATIENCE_S)
        assert not bus.is_connected

    uvloop.run(story())
