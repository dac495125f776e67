"""A rolling update under load, as deploy/kubernetes does it: no POST fails, nothing is lost or charged twice."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.rollout import Instance, running_balancer
from tests.e2e.running_system import PATIENCE_S, RunningSystem, new_id

RATE = 50  # payments a second
# While there are two ledgers both store snapshots, and the one that stops stores its last.
SETTINGS = {**ENVIRONMENT, "LEDGER_SNAPSHOT_EVERY": "20"}
# The order in docs/operations.md: each part of the stack, and its service.
ORDER = {
    "ledger": "ledger",
    "dispatcher-1": "dispatcher",
    "dispatcher-2": "dispatcher",
    "ingress-1": "ingress",
    "ingress-2": "ingress",
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack whose ingress instances share one port, and which has no balancer."""
    with Stack(env={**SETTINGS, "DISPATCHERS": "2"}, flags=["--no-nginx"]) as running:
        yield running


@asynccontextmanager
async def load(system: RunningSystem) -> AsyncIterator[tuple[list[str], Counter[int], Counter[int]]]:
    """Send payments at a steady rate, each once; yields the ids and the status counts of POSTs and summaries."""
    ids: list[str] = []
    posts: Counter[int] = Counter()
    summaries: Counter[int] = Counter()
    ends = asyncio.Event()

    async def pay(payment_id: str) -> None:
        posts[(await system.pay(payment_id)).status_code] += 1

    async def look() -> None:
        summaries[(await system.http.get("/payments-summary")).status_code] += 1

    async def at_rate(rate: float, act: Callable[[], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as acts:
            while not ends.is_set():
                acts.create_task(act())
                await asyncio.sleep(1 / rate)

    async def pay_another() -> None:
        ids.append(new_id())
        await pay(ids[-1])

    running = [asyncio.create_task(at_rate(RATE, pay_another)), asyncio.create_task(at_rate(RATE / 10, look))]
    try:
        yield ids, posts, summaries
    finally:
        ends.set()
        await asyncio.gather(*running)


async def test_a_rolling_update_costs_no_payment(stack: Stack, tmp_path: Path) -> None:
    """Under 50 payments a second: each instance gets a new one beside it, then SIGTERM; the new ones get it last."""
    added: list[Instance] = []
    with running_balancer(stack, tmp_path) as url:
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as http:
            system = RunningSystem(stack, http)
            try:
                async with load(system) as (ids, posts, summaries):
                    for part, service in ORDER.items():
                        added.append(Instance(stack, service, f"{part}-new", SETTINGS))
                        await added[-1].until_ready()
                        since = len(stack.log_lines)
                        old = stack.kill(part, signal.SIGTERM)
                        await asyncio.to_thread(stack.wait_line, part, "died, exit code 0: restarting it", since)
                        await asyncio.to_thread(stack.wait_restarted, part, old)
                        await asyncio.to_thread(stack.wait_line, part, f"{service}.ready", since)
                    for instance in added:
                        await instance.stop()
            finally:
                for instance in added:
                    instance.kill()
            assert set(posts) == {202}, posts
            assert set(summaries) <= {200, 503}, summaries
            await system.until_settled(ids)
            await system.assert_charged_once(ids)
