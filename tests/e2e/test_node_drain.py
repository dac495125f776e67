"""Three NATS servers replaced one by one under load, as by an update or drains: nothing is lost or doubled."""

import asyncio
import json
import signal

import httpx
import pytest

from sandbox.stack.plan.ports import HOST
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.running_system import RunningSystem, until
from tests.e2e.test_rolling_update import load
from tests.e2e.test_three_servers import leader

SERVERS = ("nats-1", "nats-2", "nats-3")


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Three servers with three replicas, and two dispatchers."""
    return {**ENVIRONMENT, "NATS_NODES": "3", "DISPATCHERS": "2"}


async def is_started(system: RunningSystem, name: str) -> bool:
    """Return the result of the startup probe of deploy/kubernetes: whether all that a server holds is current."""
    port = system.stack.ports["monitor"] + SERVERS.index(name)
    try:
        async with httpx.AsyncClient(timeout=2.0) as http:
            answer = await http.get(f"http://{HOST}:{port}/healthz")
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and json.loads(answer.text)["status"] == "ok"


async def test_servers_replaced_one_after_another_lose_no_payment(system: RunningSystem) -> None:
    """Each gets SIGTERM, the leader of PAYMENTS last; the next only when the previous one has caught up."""
    leads = await leader(system, "PAYMENTS")
    async with load(system) as (ids, posts, summaries):
        for name in sorted(SERVERS, key=leads.__eq__):
            since = len(system.stack.log_lines)
            old = system.stack.kill(name, signal.SIGTERM)
            await asyncio.to_thread(system.stack.wait_line, name, "restarting it", since)
            await asyncio.to_thread(system.stack.wait_restarted, name, old)
            await until(lambda name=name: is_started(system, name), f"{name} has caught up")
    assert set(posts) <= {202, 503}, posts
    assert set(summaries) <= {200, 503}, summaries
    for payment_id in ids:  # one answered 503 may be stored or not: repeating it is safe
        await system.pay_until_accepted(payment_id)
    await system.until_settled(ids)
    await system.assert_charged_once(ids)
