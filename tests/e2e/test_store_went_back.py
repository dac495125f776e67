"""The store of nats-server goes back in time (a power cut, a restored copy): nobody is charged twice.

The schedule: payments wait for the cheap processor, which fails; the store is copied; they are settled at the expensive
one; the cheap one recovers; the copy is restored. By the store they then wait or, where they came after the copy, do
not exist.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.running_system import PATIENCE_S, RunningSystem, new_id

BOOKS_WITHIN_S = 6
LINES_READ = 150  # more than a dispatcher has read by the time of the copy, and since
ENV = ENVIRONMENT | {
    "SETTLE_WITHIN_S": "5",
    "CALL_TIMEOUT_S": "2",
    "ACK_WAIT_S": "2",
    "BOOKS_WITHIN_S": str(BOOKS_WITHIN_S),
}


@asynccontextmanager
async def system_with(folder: Path, **env: str) -> AsyncIterator[RunningSystem]:
    """Run a stack on this folder's stores; yields a client of it."""
    stack = Stack(folder, env=ENV | env)
    await asyncio.to_thread(stack.start)
    try:
        async with httpx.AsyncClient(base_url=stack.http_url, timeout=PATIENCE_S) as http:
            yield RunningSystem(stack, http)
    finally:
        await asyncio.to_thread(stack.stop)


async def copied_and_settled_since(system: RunningSystem, copy: Path) -> list[str]:
    """Make payments wait, copy the store, and have them settled at fallback; return their ids."""
    await system.set_processor("default", failing=True)
    ids = await system.pay_many(20)
    await asyncio.to_thread(system.stack.copy_store, copy)
    await system.until_settled(ids)
    assert all(found == ["fallback"] for found in (await system.where(ids)).values())
    await system.set_processor("default", failing=False)
    return ids


@pytest.mark.parametrize("sync", ["always", "2m"])
async def test_a_store_that_went_back_under_running_dispatchers_charges_nobody_twice(tmp_path: Path, sync: str) -> None:
    """They have read more than it holds: every processor is asked about what waits, which is settled where booked."""
    async with system_with(tmp_path / "stack", SYNC=sync, DISPATCHERS="2") as system:
        ids = await copied_and_settled_since(system, tmp_path / "copy")
        died = await asyncio.to_thread(system.stack.restore_store, tmp_path / "copy")
        system.stack.wait_restarted("nats", died["nats"])
        fresh = new_id()
        await system.pay_until_accepted(fresh)
        await system.until_settled([*ids, fresh])
        await system.assert_charged_once([*ids, fresh])
        assert all(found == ["fallback"] for found in (await system.where(ids)).values())


async def test_a_dispatcher_that_reconnects_late_also_notices_the_store_that_went_back(tmp_path: Path) -> None:
    """By then the store holds as many lines as the dispatcher had read, but different ones."""
    async with system_with(tmp_path / "stack", SYNC="always", DISPATCHERS="2") as system:
        ids = await copied_and_settled_since(system, tmp_path / "copy")
        system.stack.kill("dispatcher-2", signal.SIGSTOP)
        died = await asyncio.to_thread(system.stack.restore_store, tmp_path / "copy")
        system.stack.wait_restarted("nats", died["nats"])
        fresh = [new_id() for _ in range(LINES_READ)]
        for payment_id in fresh:  # one by one, each with a line of its own
            await system.pay_until_accepted(payment_id)
            await system.until_settled([payment_id])
        system.stack.kill("dispatcher-2", signal.SIGCONT)
        await asyncio.to_thread(system.stack.wait_line, "dispatcher-2", "store.went_back")
        await system.until_settled([*ids, *fresh])
        await system.assert_charged_once([*ids, *fresh])


async def test_without_sync_always_a_new_server_process_makes_waiting_payments_doubtful(tmp_path: Path) -> None:
    """No dispatcher survives that has read more than the store holds: what waits is doubtful all the same."""
    async with system_with(tmp_path / "stack", SYNC="2m") as system:
        ids = await copied_and_settled_since(system, tmp_path / "copy")
        dispatcher = system.stack.kill("dispatcher-1", signal.SIGSTOP)
        died = await asyncio.to_thread(system.stack.restore_store, tmp_path / "copy")
        system.stack.kill("dispatcher-1", signal.SIGKILL)
        system.stack.wait_restarted("nats", died["nats"])
        system.stack.wait_restarted("dispatcher-1", dispatcher)
        await system.until_settled(ids)
        await system.assert_charged_once(ids)


async def test_an_id_that_the_store_has_lost_is_not_charged_again_when_its_client_repeats_it(tmp_path: Path) -> None:
    """The store does not know it; the expensive processor has it, and the cheap one, where it would go now, has not."""
    async with system_with(tmp_path / "stack", SYNC="always", DISPATCHERS="2") as system:
        await system.set_processor("default", failing=True)
        before = await system.pay_many(5)
        await asyncio.to_thread(system.stack.copy_store, tmp_path / "copy")
        lost = await system.pay_many(20)
        await system.until_settled([*before, *lost])
        await system.set_processor("default", failing=False)
        died = await asyncio.to_thread(system.stack.restore_store, tmp_path / "copy")
        system.stack.wait_restarted("nats", died)
        for payment_id in lost:
            await system.pay_until_accepted(payment_id)
        await system.until_settled([*before, *lost])
        await system.assert_charged_once([*before, *lost])
        assert all(found == ["fallback"] for found in (await system.where(lost)).values())


async def test_a_killed_server_that_lost_nothing_costs_a_wait_and_no_payment(tmp_path: Path) -> None:
    """Every processor is asked about old and new payments; found nowhere, they are sent after the wait."""
    async with system_with(tmp_path, SYNC="2m") as system:
        for name in ("default", "fallback"):
            await system.set_processor(name, failing=True)
        waiting = await system.pay_many(10)
        died = system.stack.kill("nats", signal.SIGKILL)
        system.stack.wait_restarted("nats", died)
        for name in ("default", "fallback"):
            await system.set_processor(name, failing=False)
        fresh = await system.pay_many(3)
        await system.until_settled([*waiting, *fresh])
        await system.assert_charged_once([*waiting, *fresh])
