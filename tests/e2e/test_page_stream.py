"""The event stream of vitals through the balancer: it is not buffered, and does not delay a stop."""

import asyncio
import threading
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import orjson

from sandbox.stack import Stack
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.running_system import PATIENCE_S, RunningSystem


async def documents(http: httpx.AsyncClient, count: int) -> list[dict[str, Any]]:
    """Return the first documents of a stream."""
    async with http.stream("GET", "/events") as answer:
        assert answer.status_code == 200
        lines = (line async for line in answer.aiter_lines() if line.startswith("data: "))
        return [orjson.loads((await anext(lines)).removeprefix("data: ")) for _ in range(count)]


async def test_events_are_not_buffered_and_name_every_instance(system: RunningSystem) -> None:
    """A balancer that buffered them would send none for long; a page needs them within seconds."""
    async with asyncio.timeout(PATIENCE_S):
        received = await documents(system.http, 4)
    stamps = [one["at"] for one in received]
    assert stamps == sorted(set(stamps))
    assert {one["instance"] for one in received[-1]["services"]} == {
        *("ingress-1", "ingress-2", "dispatcher-1", "ledger", "nats"),
    }


async def test_every_instance_sends_the_same_totals(system: RunningSystem) -> None:
    """Two concurrent streams are one on each instance: what describes the whole system is the same in both."""
    ids = await system.pay_many(20)
    await system.until_settled(ids)
    async with asyncio.timeout(PATIENCE_S):
        streams = await asyncio.gather(*[documents(system.http, 4) for _ in range(2)])
    first, second = (received[-1] for received in streams)
    assert first["totals"] == second["totals"]
    assert first["payments"]["accepted"] == second["payments"]["accepted"] == 20


def read_to_the_end(stream: httpx.Response) -> None:
    """Read a stream until it ends; nginx cuts it when it stops, upon which a page reconnects."""
    with suppress(httpx.RemoteProtocolError):
        for _ in stream.iter_lines():
            pass


def test_open_pages_do_not_delay_the_stop_of_the_stack() -> None:
    """The streams end, and no part has to be killed because of them."""
    with Stack(env=ENVIRONMENT) as stack, ExitStack() as pages:
        http = pages.enter_context(httpx.Client(base_url=stack.http_url, timeout=PATIENCE_S))
        streams = [pages.enter_context(http.stream("GET", "/events")) for _ in range(3)]
        ends = [threading.Thread(target=read_to_the_end, args=(stream,)) for stream in streams]
        for end in ends:
            end.start()
        assert stack.stop() == 0
        for end in ends:
            end.join(PATIENCE_S)
        assert not [end for end in ends if end.is_alive()]
        assert [line for line in stack.log_lines if "did not stop within" in line] == []
