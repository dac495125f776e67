"""The stream of vitals through the balancer: it passes as it comes, and holds nothing up."""

import asyncio
import threading
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import orjson

from sandbox.stack import Stack
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.river import PATIENCE_S, River


async def documents(http: httpx.AsyncClient, count: int) -> list[dict[str, Any]]:
    """Return the first documents of a stream."""
    async with http.stream("GET", "/events") as answer:
        assert answer.status_code == 200
        lines = (line async for line in answer.aiter_lines() if line.startswith("data: "))
        return [orjson.loads((await anext(lines)).removeprefix("data: ")) for _ in range(count)]


async def test_events_come_one_by_one_and_name_every_instance(river: River) -> None:
    """A balancer that gathered them would give none for a long while: a page is told within seconds."""
    async with asyncio.timeout(PATIENCE_S):
        told = await documents(river.http, 4)
    stamps = [one["at"] for one in told]
    assert stamps == sorted(set(stamps))
    assert {one["instance"] for one in told[-1]["services"]} == {
        *("ingress-1", "ingress-2", "dispatcher-1", "ledger", "nats"),
    }


async def test_whichever_instance_tells_it_is_the_same_story(river: River) -> None:
    """Two streams at once are one on each instance: what both know of all is the same."""
    ids = await river.pay_many(20)
    await river.until_settled(ids)
    async with asyncio.timeout(PATIENCE_S):
        first, second = (told[-1] for told in await asyncio.gather(*[documents(river.http, 4) for _ in range(2)]))
    assert first["totals"] == second["totals"]
    assert first["payments"]["accepted"] == second["payments"]["accepted"] == 20


def read_to_the_end(stream: httpx.Response) -> None:
    """Read a stream until it ends; nginx, told to stop, cuts it, which a page takes for a reason to come back."""
    with suppress(httpx.RemoteProtocolError):
        for _ in stream.iter_lines():
            pass


def test_open_pages_do_not_hold_the_stop_of_the_stack_up() -> None:
    """The streams end, and no part has to be killed for them."""
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
