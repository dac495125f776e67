"""Settings change while payments are in doubt: they stay at the old URL of the processor that may have charged."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from sandbox.stack import Stack
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.doubtful import Doubtful
from tests.e2e.fake_processor import serving
from tests.e2e.replay import until_drained
from tests.e2e.running_system import PATIENCE_S, RunningSystem, new_id, until

WINDOW_S = 1


@asynccontextmanager
async def system_with(folder: Path, processors: str, **more: str) -> AsyncIterator[RunningSystem]:
    """Run a stack with these processors on this folder's stores; yields a client of it."""
    env = ENVIRONMENT | {"PROCESSORS": processors, "SETTLE_WITHIN_S": "1", "ACK_WAIT_S": "2", "KEEP": "1"} | more
    stack = Stack(folder, env=env)
    await asyncio.to_thread(stack.start)
    try:
        async with httpx.AsyncClient(base_url=stack.http_url, timeout=PATIENCE_S) as http:
            yield RunningSystem(stack, http)
    finally:
        await asyncio.to_thread(stack.stop)


async def in_doubt_at(system: RunningSystem, processor: Doubtful) -> str:
    """Return the id of a payment that the processor booked without an answer."""
    payment_id, posts = new_id(), processor.posts
    await system.pay_until_accepted(payment_id)
    await until(lambda: asyncio.sleep(0, processor.posts > posts), "it was sent")
    return payment_id


async def listed(system: RunningSystem) -> list[dict[str, str]]:
    """Return what ``tarifa processors`` lists."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.audit.processors", "--json"),
        env={**os.environ, **system.stack.nats_env()},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


async def test_another_url_under_the_same_name_charges_nobody_at_both(tmp_path: Path) -> None:
    """New payments go to the new URL; those in doubt stay at the old one, and are settled there when it answers."""
    old, new, fallback = Doubtful(), Doubtful(), Doubtful()
    new.answers = fallback.answers = True
    async with serving(old) as old_url, serving(new) as new_url, serving(fallback) as dear_url:
        dear = f"fallback={dear_url}@0.15"
        async with system_with(tmp_path, f"default={old_url}@0.05,{dear}") as system:
            doubtful = await in_doubt_at(system, old)
        async with system_with(tmp_path, f"default={new_url}@0.05,{dear}") as system:
            fresh = new_id()
            await system.pay_until_accepted(fresh)
            await system.until_settled([fresh])
            assert list(new.booked) == [fresh]
            states = {place["generation"]: (place["state"], place["url"]) for place in await listed(system)}
            assert states["default/2"] == ("open", new_url)
            assert states["default/1"] == ("closing", old_url)
            old.answers = True
            await system.until_settled([doubtful])
            assert (await system.payment(doubtful))["processor"] == "default"
            assert doubtful not in new.booked | fallback.booked
            assert (await system.summary())["default"]["totalRequests"] == 2

            async def is_done() -> bool:
                return {place["generation"] for place in await listed(system)} == {"default/2", "fallback/1"}

            await until(is_done, "the old generation is forgotten")


async def test_a_removed_processor_keeps_what_it_charged_and_what_it_may_have_charged(tmp_path: Path) -> None:
    """Its payments stay in every summary, and those in doubt are settled there when it answers."""
    abroad, home = Doubtful(), Doubtful()
    abroad.answers = home.answers = True
    async with serving(abroad) as abroad_url, serving(home) as home_url:
        async with system_with(tmp_path, f"abroad={abroad_url}@0.01,home={home_url}@0.05") as system:
            settled = await system.pay_many(20)
            await system.until_settled(settled)
            abroad.answers = False
            doubtful = await in_doubt_at(system, abroad)
        async with system_with(tmp_path, f"home={home_url}@0.05") as system:
            fresh = new_id()
            await system.pay_until_accepted(fresh)
            await system.until_settled([fresh])
            summary = await system.summary()
            assert {name: totals["totalRequests"] for name, totals in summary.items()} == {"home": 1, "abroad": 20}
            waits = await system.payment(doubtful)
            assert (waits["status"], waits["waitingFor"]["processor"]) == ("accepted", "abroad")

            async def is_shown() -> bool:
                vitals = await system.vitals()
                shown = {one["name"]: (one["fee"], one["settled"], one["leftBehind"]) for one in vitals["processors"]}
                is_listed = shown == {"home": (0.05, 1, 0), "abroad": (None, 20, 1)}
                return is_listed and "assigned to abroad/1, whose URL was changed" in " ".join(vitals["troubles"])

            await until(is_shown, "the page lists it, and says that a payment waits for it")
            abroad.answers = True
            await system.until_settled([doubtful])
            assert (await system.summary())["abroad"]["totalRequests"] == 21
            assert list(home.booked) == [fresh]


async def test_swapped_fees_apply_at_once_and_charge_nobody_again(tmp_path: Path) -> None:
    """New payments go to the one that is cheapest now; settled ones stay where they are, also when repeated."""
    window = {"IDEMPOTENCY_WINDOW_S": str(WINDOW_S)}
    one, two = Doubtful(), Doubtful()
    one.answers = two.answers = True
    async with serving(one) as one_url, serving(two) as two_url:
        async with system_with(tmp_path, f"one={one_url}@0.05,two={two_url}@0.15", **window) as system:
            before = await system.pay_many(5)
            await system.until_settled(before)
            await asyncio.sleep(WINDOW_S * 2)  # no event to wait for: a server does not show that it has forgotten
        async with system_with(tmp_path, f"one={one_url}@0.15,two={two_url}@0.05", **window) as system:
            for payment_id in before:
                await system.pay_until_accepted(payment_id)
            after = await system.pay_many(5)
            await system.until_settled(after)
            await until_drained(system)
        assert set(one.booked) == set(before)
        assert set(two.booked) == set(after)
