"""An operator pauses a processor under load: it gets no new payment, and those in doubt there are settled there."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from sandbox.stack import Stack
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.doubtful import Doubtful
from tests.e2e.fake_processor import two
from tests.e2e.replay import until_drained
from tests.e2e.running_system import PATIENCE_S, RunningSystem, until
from tests.scraped import scrape

DISPATCHERS = ("dispatcher-1", "dispatcher-2")
IN_DOUBT = 50
NEW = 60


class Mute(Doubtful):
    """Books, and sends no answer until the caller gives up, for any number of concurrent calls."""

    async def silence(self, reader: asyncio.StreamReader) -> None:
        """Wait until the caller hangs up."""
        await reader.read()


@asynccontextmanager
async def two_dispatchers(folder: Path, processors: str) -> AsyncIterator[RunningSystem]:
    """Run a stack with two dispatchers on this folder's stores, which outlive it."""
    more = {"PROCESSORS": processors, "DISPATCHERS": "2", "CALL_TIMEOUT_S": "2", "ACK_WAIT_S": "3", "KEEP": "1"}
    stack = Stack(folder, env=ENVIRONMENT | more, metrics=True)
    await asyncio.to_thread(stack.start)
    try:
        async with httpx.AsyncClient(base_url=stack.http_url, timeout=PATIENCE_S) as http:
            yield RunningSystem(stack, http)
    finally:
        await asyncio.to_thread(stack.stop)


async def operate(system: RunningSystem, *arguments: str) -> str:
    """Run the command for processors as an operator does; return its output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.audit.processors", *arguments),
        env={**os.environ, **system.stack.nats_env()},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, output
    return output.decode()


async def until_all_know(system: RunningSystem, name: str, *, paused: bool) -> None:
    """Wait until every dispatcher's metrics say whether a processor is paused."""

    async def all_know() -> bool:
        scraped = [await asyncio.to_thread(scrape, system.stack.metrics_url(part)) for part in DISPATCHERS]
        return {one.value("tarifa_processor_paused", processor=name) for one in scraped} == {float(paused)}

    await until(all_know, f"all dispatchers know that {name} is {'paused' if paused else 'open'}")


async def pause(system: RunningSystem, name: str) -> None:
    """Pause a processor by the command, and wait until every dispatcher knows."""
    await operate(system, "pause", name, "--reason", "tests")
    await until_all_know(system, name, paused=True)


async def by_http(system: RunningSystem, name: str, what: str, reason: str = "tests") -> dict[str, Any]:
    """Pause or resume a processor by HTTP; return its new state."""
    answer = await system.http.post(f"/processors/{name}/{what}", json={"reason": reason})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def many_in_doubt(system: RunningSystem, default: Mute) -> set[str]:
    """Bring many payments in doubt at default: booked there, without an answer. Return their ids."""
    settled = await system.pay_many(NEW)  # so that default is known to be fast, and gets many at once
    await system.until_settled(settled)
    before = set(default.booked)
    default.answers = False

    async def are_in_doubt() -> bool:
        await system.pay_many(16)
        return len(set(default.booked) - before) >= IN_DOUBT

    await until(are_in_doubt, f"{IN_DOUBT} are in doubt")
    return set(default.booked) - before


async def test_default_paused_under_load_with_payments_in_doubt_and_everything_restarted(tmp_path: Path) -> None:
    """It gets no new payment while it is paused, also after a restart; those in doubt are settled there."""
    default, fallback = Mute(), Mute()
    default.answers = fallback.answers = True
    async with two(default, fallback) as processors:
        async with two_dispatchers(tmp_path, processors) as system:
            await many_in_doubt(system, default)
            load = asyncio.create_task(system.pay_many(NEW * 3, at_once=2))
            await pause(system, "default")
            held = set(default.booked)  # some were sent before the last dispatcher knew
            await system.until_settled([each for each in await load if each not in held])
            assert set(default.booked) == held
        async with two_dispatchers(tmp_path, processors) as system:
            assert "paused: nothing new" in await operate(system)
            fresh = await system.pay_many(NEW)
            await system.until_settled(fresh)
            assert set(default.booked) == held
            assert set(fresh) <= set(fallback.booked)
            posts = default.posts
            await until(lambda: asyncio.sleep(0, default.posts > posts), "those in doubt are still sent there")
            shown = (await system.vitals())["processors"][0]
            assert (shown["name"], shown["paused"]["reason"]) == ("default", "tests")
            default.answers = True
            await until_drained(system)
            assert (await system.summary())["default"]["totalRequests"] == len(default.booked) == len(held)
            more = await system.pay_many(NEW)  # it serves again: only the pause keeps them from it
            await system.until_settled(more)
            assert set(more) <= set(fallback.booked)
            assert not set(default.booked) & set(fallback.booked)
            await operate(system, "resume", "default")
            await until_all_know(system, "default", paused=False)
            again = await system.pay_many(NEW)
            await system.until_settled(again)
            assert set(again) <= set(default.booked)


async def test_with_all_paused_new_payments_wait_and_those_in_doubt_are_still_settled(tmp_path: Path) -> None:
    """Also after a restart, with many new ones waiting; the page says why they wait, and resuming ends it."""
    default, fallback = Mute(), Mute()
    default.answers = fallback.answers = True
    async with two(default, fallback) as processors:
        async with two_dispatchers(tmp_path, processors) as system:
            await many_in_doubt(system, default)
            assert (await by_http(system, "fallback", "pause"))["state"] == "paused"
            await pause(system, "default")
            await until_all_know(system, "fallback", paused=True)
            waiting = await system.pay_many(NEW * 2)
        held = set(default.booked) | set(fallback.booked)
        async with two_dispatchers(tmp_path, processors) as system:
            default.answers = True

            async def are_settled() -> bool:
                summary = await system.summary()
                return sum(int(one["totalRequests"]) for one in summary.values()) >= len(held)

            await until(are_settled, "those in doubt are settled")
            assert set(default.booked) | set(fallback.booked) == held
            vitals = await system.vitals()
            assert "default and fallback are paused, and no other processor is left" in " ".join(vitals["troubles"])
            assert vitals["payments"]["backlog"] >= len(waiting)
            assert (await by_http(system, "default", "resume"))["state"] == "open"
            await system.until_settled(waiting)
            await until_drained(system)
            assert not set(default.booked) & set(fallback.booked)
            lines = [json.loads(line) for line in (await operate(system, "--json")).splitlines()]
            assert [(one["name"], one["state"]) for one in lines] == [("default", "open"), ("fallback", "paused")]
            listed = (await system.http.get("/processors")).json()["processors"]
            assert [(one["name"], one["pause"] and one["pause"]["by"]) for one in listed] == [
                ("default", None),
                ("fallback", "open"),
            ]
