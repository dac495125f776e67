"""The connection waits for its server, reconnects by itself, and notices when it no longer receives anything."""

import asyncio
from pathlib import Path

import pytest
import uvloop

from services.bus.wire.connection import Bus, BusUnavailableError, BusUnresponsiveError
from tests.integration.bus.conftest import Connect, StartTask
from tests.integration.bus.echo import echo_on
from tests.nats_server import PATIENCE_S, NatsServer, until


async def test_connect_waits_for_a_server_that_is_not_there_yet(tmp_path: Path) -> None:
    """A service may be started before NATS is."""
    server = NatsServer(tmp_path).start()
    server.kill()
    connecting = asyncio.create_task(Bus.connect(server.url, "early"))
    done, _ = await asyncio.wait([connecting], timeout=0.5)
    assert not done
    server.start()
    bus = await asyncio.wait_for(connecting, PATIENCE_S)
    await bus.round_trip(PATIENCE_S)
    await bus.close()
    server.stop()


async def test_connect_waits_for_a_frozen_server(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts connections and sends nothing counts as absent."""
    monkeypatch.setattr("services.bus.wire.connection.CONNECT_TIMEOUT_S", 0.2)
    nats_server.freeze()
    connecting = asyncio.create_task(Bus.connect(nats_server.url, "early"))
    done, _ = await asyncio.wait([connecting], timeout=1)
    assert not done
    nats_server.thaw()
    bus = await asyncio.wait_for(connecting, PATIENCE_S)
    await bus.round_trip(PATIENCE_S)
    await bus.close()


async def test_connect_can_be_cancelled_while_it_waits(nats_server: NatsServer) -> None:
    """A service that still waits for NATS can be stopped."""
    nats_server.kill()
    connecting = asyncio.create_task(Bus.connect(nats_server.url, "early"))
    await asyncio.wait([connecting], timeout=0.3)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(connecting, PATIENCE_S)


async def test_an_outage_is_logged_once_and_not_at_every_attempt(
    nats_server: NatsServer, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten attempts a second do not make ten lines a second."""
    nats_server.kill()
    server = bus.client._server_pool[0]
    await until(lambda: server.reconnects > 5, "some attempts")
    refused = [record for record in caplog.records if "ConnectionRefused" in str(vars(record).get("error"))]
    assert len(refused) == 1
    nats_server.start()
    await until(lambda: "bus.reconnected" in caplog.messages, "the reconnect")


def test_a_frozen_server_that_has_taken_nothing_for_long_is_left_for_the_next_connection(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client does not wait until all that it wrote was read, which a frozen server never does."""
    monkeypatch.setattr("services.bus.wire.connection.PING_INTERVAL_S", 0.2)

    async def story() -> None:
        bus = await Bus.connect(nats_server.url, "test")
        nats_server.freeze()
        for _ in range(640):
            bus.publish("subject", b"x" * 62_500)
        asking = asyncio.create_task(bus.request("subject", b"", 1_000))
        with pytest.raises(BusUnavailableError, match="connection ended"):
            await asyncio.wait_for(asking, PATIENCE_S)
        nats_server.thaw()
        await until(lambda: bus.reconnects == 1 and bus.is_connected, "the reconnect")
        await bus.round_trip(PATIENCE_S)
        await bus.close()

    uvloop.run(story())


async def test_each_reconnect_is_counted_and_calls_every_listener(nats_server: NatsServer, bus: Bus) -> None:
    """What was read on an earlier connection can be distinguished, also where a listener fails."""
    called = []

    def fails() -> None:
        raise RuntimeError("a bug in a listener")

    bus.on_reconnect(fails)
    bus.on_reconnect(lambda: called.append(bus.reconnects))
    assert bus.reconnects == 0
    for number in (1, 2):
        nats_server.restart()
        await until(lambda wanted=number: len(called) == wanted, "the listener")
    assert called == [1, 2]
    await bus.round_trip(PATIENCE_S)


async def test_subscriptions_continue_after_a_reconnect(nats_server: NatsServer, bus: Bus, connect: Connect) -> None:
    """A subscriber need not subscribe again."""
    heard = await echo_on(bus, "subject")
    nats_server.restart()
    await until(lambda: bus.reconnects == 1 and bus.is_connected, "the reconnect")
    await bus.round_trip(PATIENCE_S)
    other = await connect()
    await other.request("subject", b"again", PATIENCE_S)
    assert heard == [b"again"]


async def test_an_ordered_stop_of_the_server_is_waited_for_too(nats_server: NatsServer, bus: Bus) -> None:
    """A server that closes its connections is waited for like one that was killed."""
    nats_server.stop()
    await until(lambda: not bus.is_connected, "the loss")
    nats_server.start()
    await until(lambda: bus.is_connected, "the reconnect")
    await bus.round_trip(PATIENCE_S)


@pytest.mark.usefixtures("short_timeouts")
async def test_a_frozen_server_is_noticed_and_reconnected_to(nats_server: NatsServer, connect: Connect) -> None:
    """Unanswered pings end the connection; after the thaw there is a new one."""
    bus = await connect()
    nats_server.freeze()
    await until(lambda: not bus.is_connected, "the loss")
    nats_server.thaw()
    await until(lambda: bus.is_connected and bus.reconnects > 0, "the reconnect")
    await bus.round_trip(PATIENCE_S)


async def test_a_round_trip_that_fails_does_not_stop_the_client_from_receiving(
    nats_server: NatsServer, bus: Bus
) -> None:
    """The answer to a round trip that timed out, or was cancelled, comes after all and harms nothing."""
    nats_server.freeze()
    with pytest.raises(BusUnavailableError):
        await bus.round_trip(0.1)
    given_up = asyncio.create_task(bus.round_trip(PATIENCE_S))
    await asyncio.wait([given_up], timeout=0.1)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    nats_server.thaw()
    await bus.round_trip(PATIENCE_S)
    assert bus.reconnects == 0


@pytest.mark.usefixtures("short_timeouts")
async def test_watch_detects_a_client_that_receives_nothing(monkeypatch: pytest.MonkeyPatch, connect: Connect) -> None:
    """Such a client reports itself connected for ever; watch does not rely on that."""
    monkeypatch.setattr(
        "services.bus.wire.connection.PING_INTERVAL_S", 1000
    )  # the pings must not end the connection first
    bus = await connect()
    watching = asyncio.create_task(bus.watch())
    done, _ = await asyncio.wait([watching], timeout=0.5)
    assert not done
    bus.client._transport._io_writer.transport.pause_reading()
    with pytest.raises(BusUnresponsiveError):
        await asyncio.wait_for(watching, PATIENCE_S)
    assert bus.is_connected


@pytest.mark.usefixtures("short_timeouts")
async def test_watch_notices_that_the_client_has_given_up(bus: Bus) -> None:
    """On a protocol error the client closes for good, whatever its reconnect settings are."""
    watching = asyncio.create_task(bus.watch())
    bus.client._transport.write(b"NONSENSE\r\n")
    with pytest.raises(BusUnresponsiveError):
        await asyncio.wait_for(watching, PATIENCE_S)


@pytest.mark.usefixtures("short_timeouts")
async def test_watch_raises_nothing_during_an_outage(nats_server: NatsServer, bus: Bus, start_task: StartTask) -> None:
    """A restart of the process would not end an outage."""
    watching = start_task(bus.watch())
    nats_server.kill()
    done, _ = await asyncio.wait([watching], timeout=1)
    assert not done
    nats_server.start()
    await until(lambda: bus.is_connected, "the reconnect")
    done, _ = await asyncio.wait([watching], timeout=0.5)
    assert not done
