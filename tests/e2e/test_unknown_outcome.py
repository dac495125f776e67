"""A payment with an unknown outcome is never sent to another processor, unless an operator releases it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import httpx
import orjson

from sandbox.stack import Stack
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.doubtful import Doubtful
from tests.e2e.fake_processor import two
from tests.e2e.running_system import PATIENCE_S, RunningSystem, new_id, until


@asynccontextmanager
async def system_to(processors: str) -> AsyncIterator[RunningSystem]:
    """Run a stack with these processors and a deadline of one second; yields a client of it."""
    stack = Stack(env=ENVIRONMENT | {"PROCESSORS": processors, "SETTLE_WITHIN_S": "1", "ACK_WAIT_S": "3"})
    await asyncio.to_thread(stack.start)
    try:
        async with httpx.AsyncClient(base_url=stack.http_url, timeout=PATIENCE_S) as http:
            yield RunningSystem(stack, http)
    finally:
        await asyncio.to_thread(stack.stop)


async def test_a_payment_with_an_unknown_outcome_is_never_sent_to_another_processor() -> None:
    """It stays with the processor that may have charged it, long beyond the deadline, and settles as that reports."""
    default, fallback = Doubtful(), Doubtful()
    fallback.answers = True
    async with two(default, fallback) as processors, system_to(processors) as system:
        payment_id = await _accepted_and_tried(system, default)
        assert payment_id not in fallback.booked
        assert (await system.payment(payment_id))["status"] == "accepted"
        default.answers = True
        await system.until_settled([payment_id])
        shown = await system.payment(payment_id)
        assert shown["processor"] == "default"
        recorded = orjson.loads(default.booked[payment_id])["requestedAt"]
        assert datetime.fromisoformat(shown["requestedAt"]) == datetime.fromisoformat(recorded)
        assert payment_id not in fallback.booked


async def test_an_operator_releases_a_payment_from_a_processor_that_will_never_answer() -> None:
    """After the command the dispatcher sends it no more to the old processor, and settles it at the new one, once."""
    default, fallback = Doubtful(books=False), Doubtful()
    fallback.answers = True
    async with two(default, fallback) as processors, system_to(processors) as system:
        payment_id = await _accepted_and_tried(system, default)
        code, output = await _release(system, processors, payment_id)
        assert code == 0, output
        await system.until_settled([payment_id])
        assert (await system.payment(payment_id))["processor"] == "fallback"
        assert list(fallback.booked) == [payment_id]
        assert (await system.summary())["fallback"]["totalRequests"] == 1
        posts = default.posts
        await asyncio.sleep(1)
        assert default.posts == posts


async def _accepted_and_tried(system: RunningSystem, processor: Doubtful) -> str:
    payment_id = new_id()
    await system.pay_until_accepted(payment_id)
    await asyncio.sleep(3)  # three times SETTLE_WITHIN_S
    await until(lambda: _posted(processor, 4), "it was sent repeatedly")
    return payment_id


async def _posted(processor: Doubtful, times: int) -> bool:
    return processor.posts >= times


async def _release(system: RunningSystem, processors: str, payment_id: str) -> tuple[int | None, str]:
    words = [payment_id, "--to", "fallback", "--reason", "default is gone"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.audit.release", *words),
        *("--i-accept-the-risk-of-a-double-charge", payment_id),
        env={**os.environ, **system.stack.nats_env(), "PROCESSORS": processors},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode, output.decode()
