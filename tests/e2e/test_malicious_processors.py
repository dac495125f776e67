"""A processor that attacks the dispatcher harms neither it nor other payments, and the book stays right."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import orjson

from sandbox.stack import Stack
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.fake_processor import two
from tests.e2e.malicious import Malicious
from tests.e2e.running_system import PATIENCE_S, RunningSystem, new_id, until
from tests.e2e.scripted import Scripted
from tests.endless import ENDLESS, Endless

AMOUNT = 19.9
TOKYO = timezone(timedelta(hours=9))
WARMED_BY = 300
PAYMENTS = 600
GATHERS_S = 1.0
IN_FLIGHT_MAX = 256  # the default
# Most of what is seen is the calls under way, which any slow processor costs too.
GROWS_BY_MAX_KIB = 10 * 1024
UNKNOWN_LINES_MAX = 10  # at most one in ten seconds, and one for each processor

HEALTHY = {"SETTLE_WITHIN_S": "1", "CALL_TIMEOUT_S": "3", "IN_FLIGHT_MAX": str(IN_FLIGHT_MAX)}


@asynccontextmanager
async def system_to(processors: str) -> AsyncIterator[RunningSystem]:
    """Run a stack with these processors; yields a client of it."""
    stack = Stack(env=ENVIRONMENT | HEALTHY | {"PROCESSORS": processors})
    await asyncio.to_thread(stack.start)
    try:
        async with httpx.AsyncClient(base_url=stack.http_url, verify=stack.verify, timeout=PATIENCE_S) as http:
            yield RunningSystem(stack, http)
    finally:
        await asyncio.to_thread(stack.stop)


def each_in_turn() -> Endless:
    """Use each attack in turn, after a pause, so that many calls are under way at once."""
    ways = cycle(ENDLESS)

    async def attack() -> AsyncIterator[bytes]:
        await asyncio.sleep(GATHERS_S)
        async for piece in next(ways)():
            yield piece

    return attack


async def test_endless_answers_cost_little_memory_and_no_other_payment() -> None:
    """What was not sent there is settled elsewhere; what was, as soon as that processor answers properly."""
    default, fallback = Malicious(each_in_turn()), Malicious()
    default.is_good = fallback.is_good = True
    async with two(default, fallback) as processors, system_to(processors) as system:
        await system.until_settled(await system.pay_many(WARMED_BY))
        before_kib = memory_kib(system.stack, "VmHWM")
        default.is_good = False
        ids = await system.pay_many(PAYMENTS)
        # A waiting one may still be sent to the cheap processor as a canary.
        await until(lambda: _are_at_one(ids, default, fallback), "every payment is charged at one of them")
        grown_kib = memory_kib(system.stack, "VmHWM") - before_kib
        default.is_good = True
        await system.until_settled(ids)
        assert default.attacks > len(ENDLESS)
        assert fallback.booked
        assert grown_kib < GROWS_BY_MAX_KIB
        assert len(logged(system.stack, "payment.unknown")) < UNKNOWN_LINES_MAX
        assert default.booked.keys().isdisjoint(fallback.booked)
        assert await system.summary() == {"default": totals(default), "fallback": totals(fallback)}


async def _are_at_one(ids: list[str], *processors: Malicious) -> bool:
    return all(any(each in processor.booked for processor in processors) for each in ids)


def false_record(true: dict[str, object]) -> bytes:
    """Return a false record, of a kind that depends on the payment's amount."""
    other = {
        1.01: {"amount": 77.01},
        1.02: {"requestedAt": "9999-12-31T23:59:59.999Z"},
        1.03: {"requestedAt": datetime.fromisoformat(str(true["requestedAt"])).astimezone(TOKYO).isoformat()},
        1.04: {"amount": "NaN"},
    }
    document = orjson.dumps(true | other[float(str(true["amount"]))])
    return document.replace(b'"NaN"', b"NaN")


async def test_false_records_are_booked_as_given_or_not_at_all() -> None:
    """Another amount or time is booked as the processor gives it, and logged; an invalid amount leaves a doubt."""
    default = Malicious(record=false_record)
    async with two(default, Scripted("silent")) as processors, system_to(processors) as system:
        *others, far, zone, none = [new_id() for _ in range(8)]
        for payment_id, amount in zip([*others, far, zone, none], [1.01] * 5 + [1.02, 1.03, 1.04], strict=True):
            assert (await system.pay(payment_id, amount)).status_code == 202
        await system.until_settled([*others, far, zone])
        assert (await system.payment(none))["status"] == "accepted"
        assert (await system.payment(far))["requestedAt"] == "9999-12-31T23:59:59.999Z"
        sent = orjson.loads(default.booked[zone])["requestedAt"]
        assert (await system.payment(zone))["requestedAt"] == sent
        assert (await system.summary())["default"] == {"totalRequests": 7, "totalAmount": 387.1}
        assert (await system.summary(to="9999-01-01T00:00:00Z"))["default"]["totalRequests"] == 6
        differing = logged(system.stack, "payment.amount_differs")
        assert {line["recorded_cents"] for line in differing} == {7701}
        assert len(differing) < len(others)
        assert [line["id"] for line in logged(system.stack, "payment.stamp_is_far")] == [far]
        default.is_good = True
        await system.until_settled([none])
        assert (await system.summary())["default"] == {"totalRequests": 8, "totalAmount": 388.14}
        assert len(default.booked) == 8


def memory_kib(stack: Stack, of: str) -> int:
    """Return a figure of the dispatcher's memory: VmRSS, or VmHWM for its peak."""
    pid = int((stack.run_dir / "dispatcher-1.pid").read_text())
    return int(re.findall(rf"{of}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[0])


def logged(stack: Stack, event: str) -> list[dict[str, Any]]:
    """Return the dispatcher's log lines of an event."""
    lines = [line.partition("{") for line in stack.log_lines if line.startswith("dispatcher")]
    documents = [orjson.loads("{" + rest) for _, brace, rest in lines if brace]
    return [each for each in documents if each["event"] == event]


def totals(processor: Malicious) -> dict[str, float]:
    """Return what a processor charged, in the shape of the summary."""
    count = len(processor.booked)
    return {"totalRequests": count, "totalAmount": round(count * AMOUNT, 2)}
