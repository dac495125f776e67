"""How it grows with ingress instances, dispatchers and backlog: a table, and a plot in .run/bench/scale.png.

``python -m benchmarks.scale``. The whole stack as ``make up`` starts it, without limits and with no bound on calls a
second, two processors that answer at once, and wrk beside it: all share this machine's cores. About five minutes.
"""
# a console program speaks to its console

import asyncio
import math
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.backlog import fill
from benchmarks.scale_plot import plot
from sandbox.nats_connection import NatsConnection, NatsError, jetstream_api
from sandbox.stack import Stack
from sandbox.stack.limits.usage import cpu_s_by_service, memory_mib_by_service
from sandbox.stack.plan.ports import HOST

INGRESSES = (1, 2, 3, 4)
DISPATCHERS = (1, 2, 3)
BACKLOGS = (1_000, 100_000, 1_000_000)
BACKLOG = 100_000
CONNECTIONS = 64
STORE_S = 8
STORE_WITH_BACKLOG_S = 4
SETTLE_S = 12.0
SETTLE_WITHIN_S = 300.0
LOOK_EVERY_S = 0.05
ENV = {"CALLS_PER_S_MAX": "100000", "BACKLOG_MAX": "2000000"}

PICTURE = Path(".run/bench/scale.png")
_PAY = Path(__file__).with_name("pay.lua")
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_REFUSED = re.compile(r"refused (\d+)")


@dataclass(frozen=True, slots=True)
class Rate:
    """Payments per second, and the CPU of all services for each, in us."""

    per_s: float
    cpu_us: float


def run() -> None:
    """Measure, print the table and draw the plot."""
    if shutil.which("wrk") is None:
        print("scale needs wrk, which drives the load: apt-get install wrk", file=sys.stderr)
        return
    stored = {count: _stored_with(count) for count in INGRESSES}
    settled = {count: asyncio.run(_settled_with(count)) for count in DISPATCHERS}
    backlogs = {count: asyncio.run(_with_backlog(count)) for count in BACKLOGS}
    slopes = {
        "payments/s stored, per ingress instance more": _slope({n: rate.per_s for n, rate in stored.items()}),
        "payments/s settled, per dispatcher more": _slope({n: rate.per_s for n, rate in settled.items()}),
        "us to store, per ten times the backlog": _slope({math.log10(n): r[0].cpu_us for n, r in backlogs.items()}),
        "us to settle, per ten times the backlog": _slope({math.log10(n): r[1].cpu_us for n, r in backlogs.items()}),
    }
    for what, slope in slopes.items():
        print(f"{what:<48} {slope:>+10,.0f}")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    plot(PICTURE, stored, settled, backlogs)
    print(f"Plot: {PICTURE}")


def _stored_with(ingresses: int) -> Rate:
    with Stack(env={**ENV, "INGRESSES": str(ingresses)}) as stack:
        stack.kill("dispatcher-1", signal.SIGSTOP)
        rate = asyncio.run(store(stack, STORE_S))
        stack.kill("dispatcher-1", signal.SIGCONT)
    print(f"{ingresses} ingress: {rate.per_s:>9,.0f} stored/s, {rate.cpu_us:,.0f} us each", flush=True)
    return rate


async def _settled_with(dispatchers: int) -> Rate:
    with Stack(env={**ENV, "DISPATCHERS": str(dispatchers)}) as stack:
        at_rest = memory_mib_by_service(stack.run_dir)
        await have_wait(stack, BACKLOG, dispatchers)
        waiting = memory_mib_by_service(stack.run_dir)
        rate = await settle(stack, dispatchers)
        print(f"{dispatchers} dispatcher: {rate.per_s:>6,.0f} settled/s, {rate.cpu_us:,.0f} us each", flush=True)
        if dispatchers == 1:
            await _until_settled(stack)
            _print_memory(at_rest, waiting, memory_mib_by_service(stack.run_dir))
    return rate


async def _with_backlog(count: int) -> tuple[Rate, Rate]:
    with Stack(env=ENV) as stack:
        await have_wait(stack, count, 1)
        settled = await settle(stack, 1)
        await have_wait(stack, min(count, 2 * BACKLOG), 1)  # about as many as were settled
        stored = await store(stack, STORE_WITH_BACKLOG_S)
        stack.kill("dispatcher-1", signal.SIGCONT)
    print(
        f"backlog {count:>9,}: stored {stored.per_s:,.0f}/s, {stored.cpu_us:,.0f} us each; "
        f"settled {settled.per_s:,.0f}/s, {settled.cpu_us:,.0f} us each",
        flush=True,
    )
    return stored, settled


async def have_wait(stack: Stack, count: int, dispatchers: int) -> None:
    """Have so many wait: stored as ingress stores them, while no dispatcher takes them."""
    for number in range(1, dispatchers + 1):
        stack.kill(f"dispatcher-{number}", signal.SIGSTOP)
    await fill(stack, count)


async def store(stack: Stack, seconds: int) -> Rate:
    """Have wrk pay, and count what the stream holds afterwards."""
    before, cpu_s = await messages(stack, "PAYMENTS"), _cpu_s(stack)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(_PAY), stack.http_url]
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "RUN": str(int(time.time()))}, stdout=subprocess.PIPE
    )
    said = (await process.communicate())[0].decode()
    rate, refused = _RATE.search(said), _REFUSED.search(said)
    if rate is None or refused is None or int(refused[1]):
        raise RuntimeError(f"wrk's payments were not all accepted:\n{said}")
    stored = await messages(stack, "PAYMENTS") - before
    # wrk's own rate leaves out what it sent and did not wait for; the stream has the word, wrk the clock.
    return Rate(min(stored / seconds, float(rate[1])), (_cpu_s(stack) - cpu_s) / stored * 1e6)


async def settle(stack: Stack, dispatchers: int) -> Rate:
    """Let the dispatchers go on, and measure until all is settled or SETTLE_S have passed."""
    before, cpu_s, begin_s = await messages(stack, "SETTLEMENTS"), _cpu_s(stack), time.monotonic()
    for number in range(1, dispatchers + 1):
        stack.kill(f"dispatcher-{number}", signal.SIGCONT)
    while await messages(stack, "PAYMENTS") and time.monotonic() - begin_s < SETTLE_S:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_EVERY_S)  # the server has no event for it
    took_s, settled = time.monotonic() - begin_s, await messages(stack, "SETTLEMENTS") - before
    return Rate(settled / took_s, (_cpu_s(stack) - cpu_s) / settled * 1e6)


async def _until_settled(stack: Stack) -> None:
    async with asyncio.timeout(SETTLE_WITHIN_S):
        while await messages(stack, "PAYMENTS"):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)


async def messages(stack: Stack, stream: str) -> int:
    """Return how many messages a stream holds."""
    connection = await NatsConnection.connect(HOST, stack.ports["nats"], stack.bus_credentials)
    try:
        info = await jetstream_api(connection, f"STREAM.INFO.{stream}")
    except NatsError as error:
        raise RuntimeError(f"{stream} could not be asked: {error}") from error
    finally:
        await connection.close()
    return int(info["state"]["messages"])


def _cpu_s(stack: Stack) -> float:
    return sum(cpu_s_by_service(stack.run_dir).values())


def _print_memory(at_rest: Mapping[str, float], waiting: Mapping[str, float], settled: Mapping[str, float]) -> None:
    print(f"{'MiB of memory':<14} {'no payments':>12} {f'{BACKLOG:,} waiting':>18} {'all settled':>12}")
    for name in sorted(at_rest):
        print(f"{name:<14} {at_rest[name]:>12.0f} {waiting[name]:>18.0f} {settled[name]:>12.0f}", flush=True)


def _slope(by_count: Mapping[int, float] | Mapping[float, float]) -> float:
    return statistics.linear_regression(list(by_count), list(by_count.values())).slope


if __name__ == "__main__":
    run()
