"""Ledger and dispatchers as NATS shows them: the protocol of micro services, over a plain socket.

Everything that ``nats micro ls / info / stats`` and ``nats req`` print is in these answers.
"""

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sandbox.nats_connection import NatsConnection, NatsMessage
from sandbox.stack import Stack
from tests.e2e.running_system import RunningSystem, until

DISPATCHERS = 2
ID_IN_ERROR = '{"\\r\\nNats-Service-Error-Code: 200\\r\\n": 1}'


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack with two dispatchers."""
    with Stack(env={"DISPATCHERS": str(DISPATCHERS)}) as running:
        yield running


@pytest_asyncio.fixture
async def connection(stack: Stack) -> AsyncIterator[NatsConnection]:
    """A plain connection to its NATS."""
    connected = await NatsConnection.connect("127.0.0.1", stack.ports["nats"], stack.bus_credentials)
    yield connected
    await connected.close()


@pytest_asyncio.fixture
async def system(stack: Stack) -> AsyncIterator[RunningSystem]:
    """A client of the stack."""
    async with httpx.AsyncClient(base_url=stack.http_url, timeout=30, trust_env=False) as http:
        yield RunningSystem(stack, http)


async def all_answers(connection: NatsConnection, subject: str, count: int) -> list[dict[str, Any]]:
    """Return so many answers to one request."""
    found: list[dict[str, Any]] = []
    async with contextlib.aclosing(connection.answers(subject, b"")) as answers:
        async for message in answers:
            found.append(json.loads(message.data))
            if len(found) == count:
                break
    return found


async def one(connection: NatsConnection, subject: str) -> dict[str, Any]:
    """Return the answer of the only instance."""
    return (await all_answers(connection, subject, 1))[0]


def error_of(message: NatsMessage) -> tuple[str, str]:
    """Return code and text of an error."""
    return message.headers["Nats-Service-Error-Code"], message.headers["Nats-Service-Error"]


async def test_a_ping_finds_the_ledger_and_each_dispatcher(stack: Stack, connection: NatsConnection) -> None:
    """An id for each process, and where it runs: the process ids are those of the stack's parts."""
    found = await all_answers(connection, "$SRV.PING", 1 + DISPATCHERS)
    assert sorted(service["name"] for service in found) == ["dispatcher", "dispatcher", "ledger"]
    assert len({service["id"] for service in found}) == 1 + DISPATCHERS
    pids = {service["metadata"]["instance"]: int(service["metadata"]["pid"]) for service in found}
    assert pids == {part: stack.pid(part) for part in ("ledger", "dispatcher-1", "dispatcher-2")}
    for service in found:
        assert service["type"] == "io.nats.micro.v1.ping_response"
        assert service["metadata"]["host"] == socket.gethostname()


async def test_one_instance_can_be_asked_by_its_id(connection: NatsConnection) -> None:
    """Also where several have one name."""
    for service in await all_answers(connection, "$SRV.PING.dispatcher", DISPATCHERS):
        again = await one(connection, f"$SRV.INFO.dispatcher.{service['id']}")
        assert (again["id"], again["metadata"]) == (service["id"], service["metadata"])


@pytest.mark.parametrize("name", ["ledger", "dispatcher"])
async def test_info_describes_requests_and_answers(connection: NatsConnection, name: str) -> None:
    """Descriptions, and JSON Schemas where there are any."""
    info = await one(connection, f"$SRV.INFO.{name}")
    assert info["type"] == "io.nats.micro.v1.info_response"
    assert len(info["description"].split()) > 5
    for endpoint in info["endpoints"]:
        assert endpoint["subject"] == f"{name}.{endpoint['name']}"
        assert len(endpoint["metadata"]["description"].split()) > 5
        for key in {"request_schema", "response_schema"} & set(endpoint["metadata"]):
            schema = endpoint["metadata"][key]
            assert "$defs" in json.loads(schema)
            assert not re.search(r'"\w+_\w+":', schema)  # camelCase, as everywhere on the bus
    described = {endpoint["name"]: set(endpoint["metadata"]) for endpoint in info["endpoints"]}
    assert described.get("summary", {"request_schema", "response_schema"}) >= {"request_schema", "response_schema"}


async def test_stats_count_requests_and_errors_and_time(connection: NatsConnection) -> None:
    """By endpoint, with the last error as text."""
    before = await one(connection, "$SRV.STATS.ledger")
    await connection.request("ledger.summary", b"{}")
    await connection.request("ledger.summary", b'{"from": 7}')
    after = await one(connection, "$SRV.STATS.ledger")
    was, now = before["endpoints"][0], after["endpoints"][0]
    assert now["name"] == "summary"
    assert now["num_requests"] - was["num_requests"] >= 2  # ingress's own health is asked too
    assert now["num_errors"] - was["num_errors"] == 1
    assert now["last_error"].startswith("400:not a SummaryAsked: ")
    assert now["processing_time"] > was["processing_time"] >= 0
    assert now["average_processing_time"] == now["processing_time"] // now["num_requests"]


async def test_stats_have_the_services_own_figures(connection: NatsConnection, system: RunningSystem) -> None:
    """Of every instance at once: a request to dispatcher.state reaches only one."""
    await system.pay_many(20)

    async def at_rest() -> bool:
        state = json.loads((await connection.request("ledger.state")).data)
        dispatchers = await all_answers(connection, "$SRV.STATS.dispatcher", DISPATCHERS)
        figures = [service["endpoints"][0]["data"] for service in dispatchers]
        left = sum(each["inHand"] + each["backlog"] for each in figures)  # the backlog is as of the last look
        return bool(state["entries"] == 20 and left == 0)

    await until(at_rest, "all is settled and counted")
    state = json.loads((await connection.request("ledger.state")).data)
    assert (state["appliedSeq"], state["conflicts"], state["caughtUp"]) == (20, 0, True)
    data = {each["name"]: each.get("data") for each in (await one(connection, "$SRV.STATS.ledger"))["endpoints"]}
    assert data["state"] == state
    assert data["summary"] == {"appliedSeq": 20, "caughtUp": True}
    dispatchers = await all_answers(connection, "$SRV.STATS.dispatcher", DISPATCHERS)
    for service in dispatchers:
        figures = service["endpoints"][0]["data"]
        assert figures["instance"] == service["metadata"]["instance"]
        assert set(figures["conditions"]) == set(figures["inFlight"]) == {"default", "fallback"}
        assert set(figures["conditions"]["default"]) == {"state", "latencyMs", "baseLatencyMs", "sinceMs"}
        assert figures["conditions"]["default"]["state"] == "serving"
        assert (figures["inHand"], figures["backlog"]) == (0, 0)
    answer = json.loads((await connection.request("dispatcher.state")).data)
    assert answer["instance"] in {service["metadata"]["instance"] for service in dispatchers}


@pytest.mark.parametrize(
    "asked",
    [
        b"{",
        b"[]",
        b'{"from": 7}',
        b'{"from": "yesterday"}',
        b'{"unknown": 1}',
        b"\xff\xfe",
        b"[" * 60_000,  # a message has at most 64 KiB (nats.conf)
        ID_IN_ERROR.encode(),
        b'{"\\ud800": 1}',
        b'{"from": "2025-07-16T00:00:00Z", "to": "2025-07-15T00:00:00Z"}',
    ],
)
async def test_a_wrong_request_is_400_with_its_reason_in_the_headers(connection: NatsConnection, asked: bytes) -> None:
    """As for every NATS micro service; the request cannot inject headers."""
    code, text = error_of(await connection.request("ledger.summary", asked))
    assert code == "400"
    assert text


async def test_a_dispatcher_that_ends_is_no_longer_found(stack: Stack, connection: NatsConnection) -> None:
    """The other one still answers; the restarted one has another id."""
    before = {service["id"] for service in await all_answers(connection, "$SRV.PING.dispatcher", DISPATCHERS)}
    died = stack.kill("dispatcher-2")
    stack.wait_restarted("dispatcher-2", died)
    async with asyncio.timeout(60):
        while True:
            pids = await pings_within(connection, "$SRV.PING.dispatcher", 0.5)
            if len(pids) == DISPATCHERS:
                break
    assert died not in pids.values()
    assert len(before & set(pids)) == 1


async def pings_within(connection: NatsConnection, subject: str, within_s: float) -> dict[str, int]:
    """Return the process ids of all that answer within a while, by instance id."""
    found: dict[str, int] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s), contextlib.aclosing(connection.answers(subject, b"")) as answers:
            async for message in answers:
                service = json.loads(message.data)
                found[service["id"]] = int(service["metadata"]["pid"])
    return found
