"""Memory of a dispatcher: as it has begun, and after a hundred thousand moves, or a million, all of it settled.

``python -m benchmarks.dispatcher_memory [moves]`` or ``COUNT=1000000``. The stack as ``make up`` starts it, and
processors of the benchmark's own: a payment is sent to a cheap one, fails there, is moved, perhaps to another that
fails it, and is settled at the dear one. What comes while all cheap ones are known to fail is not moved.
"""
# a console program speaks to its console

import asyncio
import os
import sys
import time

from benchmarks.backlog import fill
from benchmarks.failing_processor import failing_processors
from benchmarks.measured import resident_mib, total
from benchmarks.scale import messages
from sandbox.stack import Stack

COUNT = 100_000
WARM = 2_000
TOGETHER = 20_000
TARGET_MIB = 5.0
REST_S = 3.0
LOOK_EVERY_S = 0.5
DISPATCHER = "dispatcher-1"
ENV = {"CALLS_PER_S_MAX": "100000", "BACKLOG_MAX": "2000000", "SETTLE_WITHIN_S": "0"}


def run(count: int | None = None) -> None:
    """Measure, and print the figures as they come."""
    asyncio.run(_measure(count or int(os.environ.get("COUNT", COUNT))))


async def _measure(count: int) -> None:
    async with failing_processors() as processors:
        stack = Stack(env={**ENV, "PROCESSORS": processors}, metrics=True)
        try:
            await asyncio.to_thread(stack.start)  # which asks the processors, here
            await _move(stack, count)
        finally:
            await asyncio.to_thread(stack.stop)


async def _move(stack: Stack, count: int) -> None:
    begin_s, pid = time.monotonic(), stack.pid(DISPATCHER)
    await asyncio.sleep(REST_S)
    begun_mib = resident_mib(pid)
    print(f"{'moved':>10} {'settled':>10} {'MiB':>7} {'s':>6}")
    moved = await _say(stack, pid, begin_s)
    while moved < count:
        await fill(stack, min(TOGETHER, max(WARM, count - moved)))
        while await messages(stack, "PAYMENTS"):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)  # the server has no event for it
        moved = await _say(stack, pid, begin_s)
    await asyncio.sleep(REST_S)
    grown_mib = resident_mib(pid) - begun_mib
    if stack.pid(DISPATCHER) != pid:
        raise RuntimeError("the dispatcher did not live through it")
    print(
        f"{begun_mib:.1f} MiB when it had begun, {grown_mib:+.1f} after {moved:,} moved; "
        f"target +{TARGET_MIB:g}: {'met' if grown_mib <= TARGET_MIB else 'MISSED'}"
    )


async def _say(stack: Stack, pid: int, begin_s: float) -> int:
    moved = await total(stack, DISPATCHER, "tarifa_payments_moved_total")
    settled = await messages(stack, "SETTLEMENTS")
    print(f"{moved:>10,} {settled:>10,} {resident_mib(pid):>7.1f} {time.monotonic() - begin_s:>6.0f}", flush=True)
    return moved


if __name__ == "__main__":
    run(int(sys.argv[1]) if sys.argv[1:] else None)
