"""What a payment costs by how many settlements are stored: a line for each number, and the slope.

``python -m benchmarks cost_by_stored [rounds]``. Each number is the whole stack as ``make up`` starts it on a store of
its own, filled with settlements, which the ledger has counted before payments come at a steady rate. The window is a
second, so that ingress looks each id up in SETTLEMENTS, as in a store that is older than its window; ``SYNC=2m``, for
a million settlements, each synced, would be minutes of the disk. About three minutes a round.

What the ledger reads again (``LEDGER_REREAD_PER_S``) is part of it: more with more settlements, up to its rate.
"""
# a console program speaks to its console

import asyncio
import logging
import math
import statistics
import sys
from collections import defaultdict

from benchmarks.payment_cost import TIMEOUT_S
from benchmarks.settled_payments import SettledPayments
from benchmarks.sync import RATE, Steady, steady
from sandbox import api_key
from sandbox.chaos.http_client import HttpClient
from sandbox.stack import Stack
from sandbox.stack.plan.ports import HOST
from services.bus.wire.connection import Bus

SETTLEMENTS = (1_000, 100_000, 1_000_000)
ROUNDS = 2
ENV = {"SYNC": "2m", "IDEMPOTENCY_WINDOW_S": "1"}
OK = 200
COUNTED_WITHIN_S = 300.0
LOOK_EVERY_S = 0.5
CALM_S = 5.0  # the ledger's snapshots are stored by then
SAID_EVERY = 100_000


def run(rounds: int = ROUNDS) -> None:
    """Measure each number in each round, and print what ten times as many settlements add to a payment."""
    logging.getLogger("tarifa.bus").setLevel(logging.ERROR)  # that it disconnects at the end is no news here
    print(f"{'settlements':>12} {'nats, us':>9} {'all, us':>8} {'p50, ms':>8} {'p99, ms':>8}   (at {RATE} payments/s)")
    found: defaultdict[int, list[Steady]] = defaultdict(list)
    for _ in range(rounds):
        for count in SETTLEMENTS:
            with Stack(env=ENV) as stack:
                figures = asyncio.run(_with(stack, count))
            found[count].append(figures)
            each = f"{figures.nats_us:>9.0f} {figures.all_us:>8.0f} {figures.p50_ms:>8.2f} {figures.p99_ms:>8.2f}"
            print(f"{count:>12,} {each}", flush=True)
    tens = [math.log10(count) for count in SETTLEMENTS for _ in range(rounds)]
    each_us = [figures.all_us for count in SETTLEMENTS for figures in found[count]]
    slope = statistics.linear_regression(tens, each_us).slope
    print(f"{slope:+.0f} us for ten times as many, {slope / statistics.mean(each_us):+.1%} of the mean")


async def _with(stack: Stack, count: int) -> Steady:
    bus = await Bus.connect(stack.nats_url, "benchmark", credentials=stack.bus_credentials)
    try:
        async for stored in SettledPayments().publish(bus, count):
            if stored % SAID_EVERY == 0:
                print(f"\r{stored:>12,}", end="\r", flush=True)
    finally:
        await bus.close()
    await _counted(stack, count)
    await asyncio.sleep(CALM_S)
    return await steady(stack)


async def _counted(stack: Stack, count: int) -> None:
    """Wait until the ledger's summary has them all; until it has read them it answers 503."""
    http = HttpClient(HOST, stack.ports["http"], api_key.headers())
    try:
        async with asyncio.timeout(COUNTED_WITHIN_S):
            while True:
                answer = await http.get("/payments-summary", timeout_s=TIMEOUT_S)
                if (
                    sum(each["totalRequests"] for each in (answer.document or {}).values() if answer.status == OK)
                    == count
                ):
                    return
                await asyncio.sleep(LOOK_EVERY_S)
    finally:
        http.close()


if __name__ == "__main__":
    run(int(sys.argv[1]) if sys.argv[1:] else ROUNDS)
