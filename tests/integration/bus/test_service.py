"""A micro service, and a client that asks it."""

import asyncio
from typing import Any

import orjson
import pytest

from services.bus.micro.ask import BusUnavailableError, NotAnsweredError, ask
from services.bus.micro.service import CannotAnswerError, serve
from services.bus.wire.connection import Bus
from services.version import VERSION
from tests.integration.bus.conftest import Connect
from tests.nats_server import PATIENCE_S, NatsServer, until


async def summary(data: bytes) -> bytes:
    """Answer what is asked, or not."""
    match data:
        case b"wrong":
            raise CannotAnswerError(400, "that is no period")
        case b"bug":
            raise ZeroDivisionError("secret")
    return b"answer to " + data


async def serve_ledger(bus: Bus) -> None:
    """A service with two endpoints."""
    await serve(bus, "ledger", "what was charged where", {"ledger.summary": summary, "ledger.state": summary})
    await bus.round_trip(PATIENCE_S)


async def of_server(bus: Bus, verb: str) -> dict[str, Any]:
    """Return the server's answers, as ``nats micro`` gets them."""
    answer: dict[str, Any] = orjson.loads((await bus.request(f"$SRV.{verb}.ledger", b"", PATIENCE_S)).data)
    return answer


async def test_an_answer(bus: Bus, connect: Connect) -> None:
    """Bytes in, bytes out."""
    await serve_ledger(await connect())
    assert await ask(bus, "ledger.summary", b"x", PATIENCE_S) == b"answer to x"
    assert await ask(bus, "ledger.state", b"", PATIENCE_S) == b"answer to "


async def test_it_is_seen_by_ping_info_and_stats(bus: Bus, connect: Connect) -> None:
    """As ``nats micro ls / info / stats`` show it; errors are counted as such."""
    await serve_ledger(await connect())
    await ask(bus, "ledger.summary", b"x", PATIENCE_S)
    for data in (b"wrong", b"bug"):
        with pytest.raises(NotAnsweredError):
            await ask(bus, "ledger.summary", data, PATIENCE_S)
    ping = await of_server(bus, "PING")
    assert (ping["name"], ping["version"], ping["type"]) == ("ledger", VERSION, "io.nats.micro.v1.ping_response")
    info = await of_server(bus, "INFO")
    assert info["description"] == "what was charged where"
    assert [(endpoint["name"], endpoint["subject"]) for endpoint in info["endpoints"]] == [
        ("summary", "ledger.summary"),
        ("state", "ledger.state"),
    ]
    stats = (await of_server(bus, "STATS"))["endpoints"][0]
    assert (stats["num_requests"], stats["num_errors"]) == (3, 2)


async def test_an_error_has_its_reason(bus: Bus, connect: Connect) -> None:
    """The caller gets the reason; a bug reveals nothing."""
    await serve_ledger(await connect())
    with pytest.raises(NotAnsweredError, match="that is no period"):
        await ask(bus, "ledger.summary", b"wrong", PATIENCE_S)
    with pytest.raises(NotAnsweredError, match="this is a bug; see the service's log") as raised:
        await ask(bus, "ledger.summary", b"bug", PATIENCE_S)
    assert "secret" not in str(raised.value)
    answer = await bus.request("ledger.summary", b"wrong", PATIENCE_S)
    assert (answer.headers or {})["Nats-Service-Error-Code"] == "400"


async def test_without_an_instance_it_fails_at_once(bus: Bus) -> None:
    """A ledger that does not run is not waited for."""
    async with asyncio.timeout(PATIENCE_S / 2):
        with pytest.raises(BusUnavailableError, match="no service answers"):
            await ask(bus, "ledger.summary", b"", PATIENCE_S)


async def test_an_answer_that_takes_too_long_is_away(bus: Bus, connect: Connect) -> None:
    """And the service continues to answer others."""
    hanging = asyncio.Event()

    async def hang(data: bytes) -> bytes:
        await hanging.wait()
        return data

    other = await connect()
    await serve(other, "ledger", "hangs", {"ledger.summary": hang})
    await other.round_trip(PATIENCE_S)
    with pytest.raises(BusUnavailableError):
        await ask(bus, "ledger.summary", b"1", 0.2)
    hanging.set()
    assert await ask(bus, "ledger.summary", b"2", PATIENCE_S) == b"2"


async def test_it_answers_again_after_the_server_was_killed(
    nats_server: NatsServer, bus: Bus, connect: Connect
) -> None:
    """Endpoints and the service's own subjects are subscribed anew."""
    other = await connect()
    await serve_ledger(other)
    nats_server.restart()
    await until(lambda: bus.is_connected and bus.reconnects == 1, "the asker")
    await until(lambda: other.is_connected and other.reconnects == 1, "the service")
    await other.round_trip(PATIENCE_S)
    assert await ask(bus, "ledger.summary", b"x", PATIENCE_S) == b"answer to x"
    assert (await of_server(bus, "PING"))["name"] == "ledger"


async def test_a_service_on_a_frozen_server_is_away(nats_server: NatsServer, bus: Bus, connect: Connect) -> None:
    """And answers after the thaw."""
    await serve_ledger(await connect())
    nats_server.freeze()
    with pytest.raises(BusUnavailableError):
        await ask(bus, "ledger.summary", b"x", 0.2)
    nats_server.thaw()
    assert await ask(bus, "ledger.summary", b"x", PATIENCE_S) == b"answer to x"
