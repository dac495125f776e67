"""Three NATS servers, one dies or hangs under load: payments continue, none is lost, none is charged twice."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from sandbox.stack.plan.ports import HOST
from services.bus.jetstream.streams import wanted
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.running_system import RunningSystem, new_id, until
from tests.nats_cluster import THREE

CLIENTS = 4
STREAMS = len(wanted(THREE))


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Three servers with three replicas."""
    return {**ENVIRONMENT, "NATS_NODES": "3"}


async def streams_of(system: RunningSystem, place: int) -> list[dict[str, Any]]:
    """Return a server's streams as its monitoring endpoint reports them; none while it does not answer."""
    port = system.stack.ports["monitor"] + place
    try:
        async with httpx.AsyncClient(timeout=2.0) as http:
            report = json.loads((await http.get(f"http://{HOST}:{port}/jsz", params={"streams": 1})).text)
    except httpx.TransportError:
        return []
    return [stream for account in report.get("account_details", []) for stream in account["stream_detail"]]


async def leader(system: RunningSystem, stream: str) -> str:
    """Wait until every replica of every stream is current; return the part of the stack that leads this stream."""
    leaders: dict[str, str] = {}

    async def is_whole() -> bool:
        leaders.clear()
        lacking = 0
        for place in range(3):
            name = f"nats-{place + 1}"
            led = [each for each in await streams_of(system, place) if each["cluster"].get("leader") == name]
            leaders.update({each["name"]: name for each in led})
            lacking += sum(not other["current"] for each in led for other in each["cluster"]["replicas"])
        return len(leaders) == STREAMS and not lacking

    await until(is_whole, "every replica is current")
    return leaders[stream]


async def is_silent(system: RunningSystem, name: str) -> bool:
    """Return whether the page shows this server as silent and the others as up."""
    shown = {one["instance"]: one["state"] for one in (await system.vitals())["services"] if one["service"] == "nats"}
    return shown == {each: "silent" if each == name else "up" for each in ("nats-1", "nats-2", "nats-3")}


@asynccontextmanager
async def load(system: RunningSystem) -> AsyncIterator[list[str]]:
    """Run clients that repeat each payment until it is accepted; yields the list of accepted ids, which grows."""
    accepted: list[str] = []
    ends = asyncio.Event()

    async def client() -> None:
        while not ends.is_set():
            payment_id = new_id()
            await system.pay_until_accepted(payment_id)
            accepted.append(payment_id)
            await asyncio.sleep(0.05)

    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    try:
        yield accepted
    finally:
        ends.set()
        await asyncio.gather(*clients)


async def until_more(accepted: list[str], count: int = 100) -> None:
    """Wait until ``count`` more payments are accepted."""
    before = len(accepted)

    async def more() -> bool:
        return len(accepted) >= before + count

    await until(more, "more payments are accepted")


async def test_payments_continue_after_a_server_is_killed(system: RunningSystem) -> None:
    """The leader of PAYMENTS: the other two elect a new one, and it rejoins when it is restarted."""
    async with load(system) as accepted:
        await until_more(accepted)
        name = await leader(system, "PAYMENTS")
        died = system.stack.kill(name)
        await until_more(accepted)
        system.stack.wait_restarted(name, died)
        await until_more(accepted)
    await system.until_settled(accepted)
    await system.assert_charged_once(accepted)


async def test_payments_continue_while_a_server_hangs(system: RunningSystem) -> None:
    """The leader of SETTLEMENTS, until payments were accepted and settled without it; then it resumes."""
    name = await leader(system, "SETTLEMENTS")
    async with load(system) as accepted:
        await until_more(accepted)
        system.stack.kill(name, signal.SIGSTOP)
        try:
            await until_more(accepted)
            await system.until_settled(accepted[:])
            await until(lambda: is_silent(system, name), "the page says that it is silent")
        finally:
            system.stack.kill(name, signal.SIGCONT)
        await until_more(accepted)
    await system.until_settled(accepted)
    await leader(system, "SETTLEMENTS")
    await system.assert_charged_once(accepted)
    answer = await system.http.get("/readyz")
    assert answer.status_code == 200
