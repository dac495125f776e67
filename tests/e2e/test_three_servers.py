"""Three nats-servers, one of which dies or hangs under load: payments go on, none is lost, none is charged twice."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from sandbox.stack.plan.ports import HOST
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.river import River, new_id, until

CLIENTS = 4
STREAMS = 7


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """A cluster, and replicas in it."""
    return {**ENVIRONMENT, "NATS_NODES": "3"}


async def streams_of(river: River, place: int) -> list[dict[str, Any]]:
    """Return what a server tells of its streams by its monitoring; nothing while it does not answer."""
    port = river.stack.ports["monitor"] + place
    try:
        async with httpx.AsyncClient(timeout=2.0) as http:
            told = json.loads((await http.get(f"http://{HOST}:{port}/jsz", params={"streams": 1})).text)
    except httpx.TransportError:
        return []
    return [stream for account in told.get("account_details", []) for stream in account["stream_detail"]]


async def leader(river: River, stream: str) -> str:
    """Return which part of the stack leads a stream, once no replica of any stream lacks anything."""
    leaders: dict[str, str] = {}

    async def is_whole() -> bool:
        leaders.clear()
        lacking = 0
        for place in range(3):
            name = f"nats-{place + 1}"
            led = [each for each in await streams_of(river, place) if each["cluster"].get("leader") == name]
            leaders.update({each["name"]: name for each in led})
            lacking += sum(not other["current"] for each in led for other in each["cluster"]["replicas"])
        return len(leaders) == STREAMS and not lacking

    await until(is_whole, "every replica is current")
    return leaders[stream]


async def is_silent(river: River, name: str) -> bool:
    """Return whether the page shows a server as silent, and the others as up."""
    shown = {one["instance"]: one["state"] for one in (await river.vitals())["services"] if one["service"] == "nats"}
    return shown == {each: "silent" if each == name else "up" for each in ("nats-1", "nats-2", "nats-3")}


@asynccontextmanager
async def load(river: River) -> AsyncIterator[list[str]]:
    """Have clients pay meanwhile, each payment until it is accepted; the list grows with those that were."""
    accepted: list[str] = []
    ends = asyncio.Event()

    async def client() -> None:
        while not ends.is_set():
            payment_id = new_id()
            await river.pay_until_accepted(payment_id)
            accepted.append(payment_id)
            await asyncio.sleep(0.05)

    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    try:
        yield accepted
    finally:
        ends.set()
        await asyncio.gather(*clients)


async def goes_on(accepted: list[str], count: int = 100) -> None:
    """Wait until as many more are accepted."""
    before = len(accepted)

    async def more() -> bool:
        return len(accepted) >= before + count

    await until(more, "payments go on")


async def test_a_server_that_is_killed_holds_payments_up_for_a_while(river: River) -> None:
    """The leader of PAYMENTS: the other two elect one of themselves, and it joins them when it is started again."""
    async with load(river) as accepted:
        await goes_on(accepted)
        name = await leader(river, "PAYMENTS")
        died = river.stack.kill(name)
        await goes_on(accepted)
        river.stack.wait_restarted(name, died)
        await goes_on(accepted)
    await river.until_settled(accepted)
    await river.assert_charged_once(accepted)


async def test_payments_go_on_without_a_server_that_hangs(river: River) -> None:
    """The leader of SETTLEMENTS, for as long as payments are accepted and settled without it; then it goes on too."""
    name = await leader(river, "SETTLEMENTS")
    async with load(river) as accepted:
        await goes_on(accepted)
        river.stack.kill(name, signal.SIGSTOP)
        try:
            await goes_on(accepted)
            await river.until_settled(accepted[:])
            await until(lambda: is_silent(river, name), "the page says that it is silent")
        finally:
            river.stack.kill(name, signal.SIGCONT)
        await goes_on(accepted)
    await river.until_settled(accepted)
    await leader(river, "SETTLEMENTS")
    await river.assert_charged_once(accepted)
    answer = await river.http.get("/readyz")
    assert answer.status_code == 200
