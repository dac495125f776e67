"""A dispatcher that restarts while payments wait: when the first is settled, when all are, and what memory it takes.

``python -m benchmarks.dispatcher_restart [payments]`` or ``COUNT``; 100,000 if nothing is said. The stack as ``make
up`` starts it, and two processors that are well. The times are from the start of the new process. What the killed one
had been given comes again only after ACK_WAIT_S (30 s), so it says when 99 % were settled, too.
"""
# a console program speaks to its console

import asyncio
import os
import signal
import sys
import time

from benchmarks.measured import resident_mib
from benchmarks.scale import have_wait, messages
from sandbox.stack import Stack

COUNT = 100_000
SETTLED_WITHIN_S = 900.0
LOOK_EVERY_S = 0.02
DISPATCHER = "dispatcher-1"
ENV = {"CALLS_PER_S_MAX": "100000", "BACKLOG_MAX": "2000000"}


def run(count: int | None = None) -> None:
    """Measure, and print the figures."""
    asyncio.run(_measure(count or int(os.environ.get("COUNT", COUNT))))


async def _measure(count: int) -> None:
    with Stack(env=ENV) as stack:
        await have_wait(stack, count, 1)
        pid = await asyncio.to_thread(stack.wait_restarted, DISPATCHER, stack.kill(DISPATCHER, signal.SIGKILL))
        begin_s = time.monotonic()
        for what, settled in (("the first", 1), ("99 %", count * 99 // 100), ("all", count)):
            await _until(stack, settled, begin_s)
            print(
                f"{what:<10} settled after {time.monotonic() - begin_s:>7.2f} s, {resident_mib(pid):.0f} MiB",
                flush=True,
            )
        print(f"at most {resident_mib(pid, 'VmHWM'):.0f} MiB; {count:,} payments waited")


async def _until(stack: Stack, settled: int, begin_s: float) -> None:
    while await messages(stack, "SETTLEMENTS") < settled:  # the server has no event for it
        if time.monotonic() - begin_s > SETTLED_WITHIN_S:
            raise RuntimeError(f"{settled:,} payments are not settled after {SETTLED_WITHIN_S:g} s")
        await asyncio.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    run(int(sys.argv[1]) if sys.argv[1:] else None)
