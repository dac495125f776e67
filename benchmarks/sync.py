"""What it costs to survive a power cut: the same load with each SYNC, a table.

``python -m benchmarks sync``. For each SYNC the whole stack as ``make up`` starts it, on a store of its own, and two
processors that answer at once: payments at a steady rate, then a backlog settled as fast as it goes, then wrk storing
as much as goes in. All share this machine's cores and its disk. About three minutes.
"""
# a console program speaks to its console

import asyncio
import shutil
import signal
import statistics
import sys
from dataclasses import dataclass

from benchmarks.payment_cost import LENGTH_S, WARM_S, offer, settled
from benchmarks.scale import ENV, Rate, have_wait, settle, store
from sandbox import api_key
from sandbox.chaos.http_client import HttpClient
from sandbox.stack import Stack
from sandbox.stack.limits.usage import cpu_s_by_service
from sandbox.stack.plan.ports import HOST

SYNCS = ("2m", "100ms", "always")
RATE = 300
BACKLOG = 60_000  # about what is settled while `settle` looks
STORE_S = 8


@dataclass(frozen=True, slots=True)
class Steady:
    """Payments at a steady rate: how long a POST took, and the CPU of nats and of all services for a payment."""

    p50_ms: float
    p99_ms: float
    nats_us: float
    all_us: float


def run() -> None:
    """Measure one SYNC after the other, and print a line for each."""
    if shutil.which("wrk") is None:
        print("sync needs wrk, which drives the load: apt-get install wrk", file=sys.stderr)
        return
    print(
        f"{'SYNC':>8} {'p50, ms':>8} {'p99, ms':>8} {'nats, us':>9} {'all, us':>8} {'settled/s':>10} {'stored/s':>9}"
        f"   (milliseconds and CPU at {RATE} payments/s)"
    )
    for sync in SYNCS:
        with Stack(env={**ENV, "SYNC": sync}) as stack:
            calm, settling, storing = asyncio.run(measured(stack))
        print(
            f"{sync:>8} {calm.p50_ms:>8.2f} {calm.p99_ms:>8.2f} {calm.nats_us:>9.0f} {calm.all_us:>8.0f}"
            f" {settling.per_s:>10,.0f} {storing.per_s:>9,.0f}",
            flush=True,
        )


async def measured(stack: Stack, dispatchers: int = 1) -> tuple[Steady, Rate, Rate]:
    """Pay at a steady rate, settle a backlog as fast as it goes, and store as much as goes in, one after the other."""
    calm = await steady(stack)
    await have_wait(stack, BACKLOG, dispatchers)
    settling = await settle(stack, dispatchers)
    await have_wait(stack, 0, dispatchers)
    storing = await store(stack, STORE_S)
    for number in range(1, dispatchers + 1):
        stack.kill(f"dispatcher-{number}", signal.SIGCONT)
    return calm, settling, storing


async def steady(stack: Stack) -> Steady:
    """Pay at RATE for LENGTH_S, at even distances, and wait until all are settled."""
    http = HttpClient(HOST, stack.ports["http"], api_key.headers())
    await settled(http, list(await offer(http, RATE, WARM_S)))
    before = cpu_s_by_service(stack.run_dir)
    took_s = await offer(http, RATE, LENGTH_S)
    await settled(http, list(took_s))
    after = cpu_s_by_service(stack.run_dir)
    http.close()
    each_us = {name: (after[name] - before[name]) / len(took_s) * 1e6 for name in after}
    hundredths = statistics.quantiles(took_s.values(), n=100)
    nats_us = sum(us for name, us in each_us.items() if name.startswith("nats"))  # one server, or each of three
    return Steady(hundredths[49] * 1e3, hundredths[98] * 1e3, nats_us, sum(each_us.values()))


if __name__ == "__main__":
    run()
