"""Requests of a connection: each gets its own answer, and fails at once while the server is away."""

import asyncio
import time

import pytest
import uvloop

from services.bus.wire.connection import Bus, BusUnavailableError
from services.bus.wire.message import Message
from tests.integration.bus.conftest import Connect
from tests.integration.bus.echo import echo_on
from tests.nats_server import PATIENCE_S, NatsServer, until

AT_ONCE_S = 0.5  # far below every timeout used here


async def test_calls_fail_at_once_while_away_and_nothing_of_them_is_sent_later(
    nats_server: NatsServer, bus: Bus, connect: Connect
) -> None:
    """No buffer sends it later, when the server is there again."""
    nats_server.kill()
    await until(lambda: not bus.is_connected, "the loss")
    began = time.monotonic()
    with pytest.raises(BusUnavailableError):
        bus.publish("late", b"published")
    with pytest.raises(BusUnavailableError):
        await bus.request("late", b"requested", PATIENCE_S)
    with pytest.raises(BusUnavailableError):
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
        with pytest.raises(BusUnavailableError):
            await bus.request("nobody", b"", PATIENCE_S)
    assert len(bus._requests._waiting) == 0


async def test_a_request_in_flight_when_the_server_dies_is_away_at_once(nats_server: NatsServer, bus: Bus) -> None:
    """Its outcome is unknown; no answer can come any more, so its caller does not wait for one."""
    nats_server.freeze()
    asking = asyncio.create_task(bus.request("anything", b"", 1_000))
    await asyncio.wait([asking], timeout=0.1)
    nats_server.kill()
    with pytest.raises(BusUnavailableError, match="connection ended"):
        await asyncio.wait_for(asking, PATIENCE_S)
    assert not bus._requests._waiting


async def test_a_request_that_is_not_answered_is_away_in_time(nats_server: NatsServer, bus: Bus) -> None:
    """A frozen server neither answers nor closes the connection."""
    nats_server.freeze()
    with pytest.raises(BusUnavailableError, match=r"no answer within 0\.2 s"):
        await bus.request("anything", b"", 0.2)
    nats_server.thaw()
    assert not bus._requests._waiting


async def test_a_request_that_is_cancelled_leaves_nothing_behind(nats_server: NatsServer, bus: Bus) -> None:
    """Its answer, which still comes, is dropped."""
    await echo_on(bus, "subject")
    nats_server.freeze()
    asking = asyncio.create_task(bus.request("subject", b"1", PATIENCE_S))
    await asyncio.wait([asking], timeout=0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    nats_server.thaw()
    assert (await bus.request("subject", b"2", PATIENCE_S)).data == b"2"
    assert not bus._requests._waiting


async def test_each_request_gets_its_own_answer(bus: Bus) -> None:
    """Many at once, each with headers and data of its own."""
    await echo_on(bus, "subject")
    answers = await asyncio.gather(
        *(bus.request("subject", b"%d" % number, PATIENCE_S, {"Number": str(number)}) for number in range(200))
    )
    assert [answer.data for answer in answers] == [b"%d" % number for number in range(200)]


async def test_a_receiver_that_raises_does_not_stop_the_client_from_receiving(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    """That is a bug, and logged; others' messages still arrive."""

    def broken(message: Message) -> None:
        raise ZeroDivisionError(message.subject)

    await bus.subscribe("broken", broken)
    bus.publish("broken", b"")
    await echo_on(bus, "subject")
    assert (await bus.request("subject", b"1", PATIENCE_S)).data == b"1"
    assert "bus.receiver_failed" in caplog.messages


async def test_what_is_too_large_for_the_server_is_not_sent(bus: Bus) -> None:
    """The server would close the connection."""
    with pytest.raises(BusUnavailableError, match="2000000 bytes"):
        bus.publish("subject", b"x" * 2_000_000)
    await bus.round_trip(PATIENCE_S)


def test_what_is_written_to_a_connection_that_has_just_ended_logs_no_error(nats_server: NatsServer) -> None:
    """In the services' own loop, which refuses to write; the caller gets BusUnavailableError, the client reconnects."""
    errors: list[dict[str, object]] = []

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
        bus = await Bus.connect(nats_server.url, "test")
        bus.client._transport._io_writer.transport.abort()
        with pytest.raises(BusUnavailableError):
            await bus.request("subject", b"", PATIENCE_S)
        await until(lambda: bus.reconnects == 1 and bus.is_connected, "the reconnect")
        await bus.round_trip(PATIENCE_S)
        await bus.close()

    uvloop.run(story())
    assert errors == []


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
    """With and without a status of the server."""
    assert Message("subject", "", b"", head).headers == headers


async def test_a_request_without_a_responder_fails_at_once(bus: Bus) -> None:
    """The server answers that there is no subscriber; there is no timeout to wait for."""
    began = time.monotonic()
    with pytest.raises(BusUnavailableError, match="no service answers"):
        await bus.request("nobody.listens", b"", PATIENCE_S)
    assert time.monotonic() - began < PATIENCE_S / 2
