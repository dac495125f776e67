"""The connection: it waits, comes back by itself, fails at once while away, and notices when it is deaf."""

import asyncio
import time
from pathlib import Path

import pytest
import uvloop

from services.bus.connection import Bus, BusAwayError, BusDeafError
from services.bus.message import Message
from tests.integration.bus.conftest import Begin, Connect
from tests.nats_server import PATIENCE_S, NatsServer, until

AT_ONCE_S = 0.5  # far below every timeout asked for here


async def echo_on(bus: Bus, subject: str) -> list[bytes]:
    """Answer requests on the subject with their own data; the list grows by what came."""
    heard = []

    def answer(message: Message) -> None:
        heard.append(message.data)
        if message.reply:
            bus.publish(message.reply, message.data)

    await bus.subscribe(subject, answer)
    await bus.round_trip(PATIENCE_S)
    return heard


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
    """A server that takes connections without a word is waited for like one that is not there."""
    monkeypatch.setattr("services.bus.connection.CONNECT_TIMEOUT_S", 0.2)
    nats_server.freeze()
    connecting = asyncio.create_task(Bus.connect(nats_server.url, "early"))
    done, _ = await asyncio.wait([connecting], timeout=1)
    assert not done
    nats_server.thaw()
    bus = await asyncio.wait_for(connecting, PATIENCE_S)
    await bus.round_trip(PATIENCE_S)
    await bus.close()


async def test_waiting_to_connect_can_be_cancelled(nats_server: NatsServer) -> None:
    """A service that still waits for NATS stops when it is told to."""
    nats_server.kill()
    connecting = asyncio.create_task(Bus.connect(nats_server.url, "early"))
    await asyncio.wait([connecting], timeout=0.3)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(connecting, PATIENCE_S)


async def test_an_outage_is_said_once_and_not_at_every_attempt(
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


async def test_calls_fail_at_once_while_away_and_nothing_of_them_is_sent_later(
    nats_server: NatsServer, bus: Bus, connect: Connect
) -> None:
    """Away means away: no buffer sends behind its caller's back when the server is there again."""
    nats_server.kill()
    await until(lambda: not bus.is_connected, "the loss")
    began = time.monotonic()
    with pytest.raises(BusAwayError):
        bus.publish("late", b"published")
    with pytest.raises(BusAwayError):
        await bus.request("late", b"requested", PATIENCE_S)
    with pytest.raises(BusAwayError):
        await bus.round_trip(PATIENCE_S)
    assert time.monotonic() - began < AT_ONCE_S
    nats_server.start()
    other = await connect()
    heard = await echo_on(other, "late")
    await until(lambda: bus.is_connected, "the reconnect")
    assert (await bus.request("late", b"now", PATIENCE_S)).data == b"now"
    assert heard == [b"now"]


async def test_requests_that_fail_while_away_leave_nothing_behind(nats_server: NatsServer, bus: Bus) -> None:
    """A long outage under load costs no memory."""
    await bus.round_trip(PATIENCE_S)
    nats_server.kill()
    await until(lambda: not bus.is_connected, "the loss")
    for _ in range(100):
        with pytest.raises(BusAwayError):
            await bus.request("nobody", b"", PATIENCE_S)
    assert len(bus._questions._asked) == 0


async def test_a_request_in_flight_when_the_server_dies_is_away_at_once(nats_server: NatsServer, bus: Bus) -> None:
    """Its fate is not known; nobody will answer it any more, and its caller need not wait for that."""
    nats_server.freeze()
    asking = asyncio.create_task(bus.request("anything", b"", 1_000))
    await asyncio.wait([asking], timeout=0.1)
    nats_server.kill()
    with pytest.raises(BusAwayError, match="connection ended"):
        await asyncio.wait_for(asking, PATIENCE_S)
    assert not bus._questions._asked


async def test_a_request_that_is_not_answered_is_away_in_time(nats_server: NatsServer, bus: Bus) -> None:
    """A frozen server neither answers nor hangs up."""
    nats_server.freeze()
    with pytest.raises(BusAwayError, match=r"no answer within 0\.2 s"):
        await bus.request("anything", b"", 0.2)
    nats_server.thaw()
    assert not bus._questions._asked


async def test_a_request_that_is_cancelled_leaves_nothing_behind(nats_server: NatsServer, bus: Bus) -> None:
    """Its answer, which comes all the same, is nobody's."""
    await echo_on(bus, "subject")
    nats_server.freeze()
    asking = asyncio.create_task(bus.request("subject", b"1", PATIENCE_S))
    await asyncio.wait([asking], timeout=0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    nats_server.thaw()
    assert (await bus.request("subject", b"2", PATIENCE_S)).data == b"2"
    assert not bus._questions._asked


async def test_answers_find_those_who_asked(bus: Bus) -> None:
    """Many at once, each with headers and data of its own."""
    await echo_on(bus, "subject")
    answers = await asyncio.gather(
        *(bus.request("subject", b"%d" % number, PATIENCE_S, {"Number": str(number)}) for number in range(200))
    )
    assert [answer.data for answer in answers] == [b"%d" % number for number in range(200)]


async def test_a_receiver_that_raises_does_not_make_the_client_deaf(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    """It is a bug, and logged; the messages of others still come."""

    def broken(message: Message) -> None:
        raise ZeroDivisionError(message.subject)

    await bus.subscribe("broken", broken)
    bus.publish("broken", b"")
    await echo_on(bus, "subject")
    assert (await bus.request("subject", b"1", PATIENCE_S)).data == b"1"
    assert "bus.receiver_failed" in caplog.messages


async def test_what_is_too_large_for_the_server_is_refused_here(bus: Bus) -> None:
    """The server would close the connection on everybody."""
    with pytest.raises(BusAwayError, match="2000000 bytes"):
        bus.publish("subject", b"x" * 2_000_000)
    await bus.round_trip(PATIENCE_S)


def test_a_frozen_server_that_has_taken_nothing_for_long_is_left_for_the_next_connection(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client does not wait until what it wrote has left, which would be for as long as the server stands still."""
    monkeypatch.setattr("services.bus.connection.PING_INTERVAL_S", 0.2)

    async def story() -> None:
        bus = await Bus.connect(nats_server.url, "test")
        nats_server.freeze()
        for _ in range(40):
            bus.publish("subject", b"x" * 1_000_000)
        asking = asyncio.create_task(bus.request("subject", b"", 1_000))
        with pytest.raises(BusAwayError, match="connection ended"):
            await asyncio.wait_for(asking, PATIENCE_S)
        nats_server.thaw()
        await until(lambda: bus.generation == 1 and bus.is_connected, "the reconnect")
        await bus.round_trip(PATIENCE_S)
        await bus.close()

    uvloop.run(story())


def test_what_is_written_to_a_connection_that_has_just_ended_is_lost_quietly(nats_server: NatsServer) -> None:
    """In the services' own loop, which refuses to write; who asked is told, and the client comes back."""
    complaints: list[dict[str, object]] = []

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
        bus = await Bus.connect(nats_server.url, "test")
        bus.client._transport._io_writer.transport.abort()
        with pytest.raises(BusAwayError):
            await bus.request("subject", b"", PATIENCE_S)
        await until(lambda: bus.generation == 1 and bus.is_connected, "the reconnect")
        await bus.round_trip(PATIENCE_S)
        await bus.close()

    uvloop.run(story())
    assert complaints == []


@pytest.mark.parametrize(
    ("head", "headers"),
    [
        (b"", {}),
        (b"NATS/1.0\r\n\r\n", {}),
        (b"NATS/1.0 503\r\n\r\n", {"Status": "503", "Description": ""}),
        (b"NATS/1.0 404 No Messages\r\n\r\n", {"Status": "404", "Description": "No Messages"}),
        (b"NATS/1.0\r\nName: a: b \r\nOther:c\r\n\r\n", {"Name": "a: b", "Other": "c"}),
        (b"NATS/1.0 100 Idle\r\nName: a\r\n\r\n", {"Status": "100", "Description": "Idle", "Name": "a"}),
    ],
)
def test_headers_are_read_as_the_server_writes_them(head: bytes, headers: dict[str, str]) -> None:
    """With and without the server's own word."""
    assert Message("subject", "", b"", head).headers == headers


async def test_nobody_there_fails_at_once(bus: Bus) -> None:
    """The server says that nobody listens; there is no timeout to wait for."""
    began = time.monotonic()
    with pytest.raises(BusAwayError, match="nobody answers"):
        await bus.request("nobody.listens", b"", PATIENCE_S)
    assert time.monotonic() - began < PATIENCE_S / 2


async def test_each_reconnect_is_a_generation_and_tells_every_listener(nats_server: NatsServer, bus: Bus) -> None:
    """What was read in an earlier generation can be told from what is read now, also where a listener fails."""
    told = []

    def fails() -> None:
        raise RuntimeError("a bug in a listener")

    bus.on_reconnect(fails)
    bus.on_reconnect(lambda: told.append(bus.generation))
    assert bus.generation == 0
    for generation in (1, 2):
        nats_server.restart()
        await until(lambda wanted=generation: len(told) == wanted, "the listener")
    assert told == [1, 2]
    await bus.round_trip(PATIENCE_S)


async def test_subscriptions_live_on_after_a_reconnect(nats_server: NatsServer, bus: Bus, connect: Connect) -> None:
    """Who listens need not subscribe again."""
    heard = await echo_on(bus, "subject")
    nats_server.restart()
    await until(lambda: bus.generation == 1 and bus.is_connected, "the reconnect")
    await bus.round_trip(PATIENCE_S)
    other = await connect()
    await other.request("subject", b"again", PATIENCE_S)
    assert heard == [b"again"]


async def test_an_ordered_stop_of_the_server_is_survived_too(nats_server: NatsServer, bus: Bus) -> None:
    """A server that says goodbye is waited for like one that does not."""
    nats_server.stop()
    await until(lambda: not bus.is_connected, "the loss")
    nats_server.start()
    await until(lambda: bus.is_connected, "the reconnect")
    await bus.round_trip(PATIENCE_S)


@pytest.mark.usefixtures("hasty")
async def test_a_frozen_server_is_noticed_and_come_back_to(nats_server: NatsServer, connect: Connect) -> None:
    """Unanswered pings end the connection; after the thaw there is a new one."""
    bus = await connect()
    nats_server.freeze()
    await until(lambda: not bus.is_connected, "the loss")
    nats_server.thaw()
    await until(lambda: bus.is_connected and bus.generation > 0, "the reconnect")
    await bus.round_trip(PATIENCE_S)


async def test_a_round_trip_that_fails_does_not_deafen(nats_server: NatsServer, bus: Bus) -> None:
    """The answer to a round trip that timed out, or was cancelled, comes after all and harms nothing."""
    nats_server.freeze()
    with pytest.raises(BusAwayError):
        await bus.round_trip(0.1)
    given_up = asyncio.create_task(bus.round_trip(PATIENCE_S))
    await asyncio.wait([given_up], timeout=0.1)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    nats_server.thaw()
    await bus.round_trip(PATIENCE_S)
    assert bus.generation == 0


@pytest.mark.usefixtures("hasty")
async def test_watch_detects_a_deaf_client(monkeypatch: pytest.MonkeyPatch, connect: Connect) -> None:
    """A client that hears nothing says it is connected for ever; watch does not believe it."""
    monkeypatch.setattr("services.bus.connection.PING_INTERVAL_S", 1000)  # the pings shall not mend it
    bus = await connect()
    watching = asyncio.create_task(bus.watch())
    done, _ = await asyncio.wait([watching], timeout=0.5)
    assert not done
    bus.client._transport._io_writer.transport.pause_reading()
    with pytest.raises(BusDeafError):
        await asyncio.wait_for(watching, PATIENCE_S)
    assert bus.is_connected


@pytest.mark.usefixtures("hasty")
async def test_watch_notices_that_the_client_has_given_up(bus: Bus) -> None:
    """On a protocol error the client closes for good, however often it was told to reconnect."""
    watching = asyncio.create_task(bus.watch())
    bus.client._transport.write(b"NONSENSE\r\n")
    with pytest.raises(BusDeafError):
        await asyncio.wait_for(watching, PATIENCE_S)


@pytest.mark.usefixtures("hasty")
async def test_watch_does_not_mind_an_outage(nats_server: NatsServer, bus: Bus, begin: Begin) -> None:
    """Away is not deaf: starting the process anew would help nobody."""
    watching = begin(bus.watch())
    nats_server.kill()
    done, _ = await asyncio.wait([watching], timeout=1)
    assert not done
    nats_server.start()
    await until(lambda: bus.is_connected, "the reconnect")
    done, _ = await asyncio.wait([watching], timeout=0.5)
    assert not done


async def test_close_sends_what_is_waiting(bus: Bus, connect: Connect) -> None:
    """What was published before the close has left."""
    heard = await echo_on(bus, "subject")
    other = await connect()
    for _ in range(100):
        other.publish("subject", b"x" * 10_000)
    await other.close()
    await until(lambda: len(heard) == 100, "the messages")


@pytest.mark.usefixtures("hasty")
async def test_close_ends_though_the_server_is_frozen_and_takes_nothing(
    nats_server: NatsServer, connect: Connect
) -> None:
    """A service can always be stopped."""
    bus = await connect()
    nats_server.freeze()
    for _ in range(40):
        bus.publish("subject", b"x" * 1_000_000)
    await asyncio.wait_for(bus.close(), PATIENCE_S)
    assert not bus.is_connected


async def test_close_ends_while_the_server_is_away(nats_server: NatsServer, bus: Bus) -> None:
    """A service can be stopped while it waits for NATS to come back."""
    nats_server.kill()
    await until(lambda: not bus.is_connected, "the loss")
    await asyncio.wait_for(bus.close(), PATIENCE_S)


def test_close_ends_quietly_though_the_server_died_under_a_new_subscription(nats_server: NatsServer) -> None:
    """In the services' own loop: the client writes what it still owes to a connection that no longer is one."""

    async def story() -> None:
        bus = await Bus.connect(nats_server.url, "test")
        nats_server.kill()
        await until(lambda: not bus.is_connected, "the loss")
        await bus.subscribe("subject", lambda _: None)
        await asyncio.wait_for(bus.close(), PATIENCE_S)
        assert not bus.is_connected

    uvloop.run(story())
