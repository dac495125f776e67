"""The stream of vitals of a real ingress on a real NATS."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import orjson

from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.pulse import encode
from services.contracts.summary import Totals
from services.overview.adapters.hub import PAGES_MAX, PAGES_PER_ADDRESS_MAX
from tests.integration.ingress.ingress_process import IngressProcess, new_id, payment
from tests.nats_server import PATIENCE_S, NatsServer, until
from tests.unit.overview.pulses import dispatcher, ledger


def client_at(ingress: IngressProcess, address: str) -> httpx.AsyncClient:
    """Return a client at one of this machine's own addresses."""
    limits = httpx.Limits(max_connections=PAGES_MAX + 1)
    transport = httpx.AsyncHTTPTransport(local_address=address, limits=limits)
    return httpx.AsyncClient(base_url=ingress.url, timeout=PATIENCE_S, transport=transport)


Documents = AsyncIterator[dict[str, Any]]


@asynccontextmanager
async def opened(http: httpx.AsyncClient) -> AsyncIterator[Documents]:
    """Open a page's stream; its documents as they come."""
    async with http.stream("GET", "/events") as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-store"
        yield _documents(answer.aiter_lines())


async def _documents(lines: AsyncIterator[str]) -> Documents:
    assert await anext(lines) == "retry: 1000"
    assert await anext(lines) == ""
    while True:
        try:
            assert await anext(lines) == "event: vitals"
        except StopAsyncIteration:
            return
        yield orjson.loads((await anext(lines)).removeprefix("data: "))
        assert await anext(lines) == ""


def states(document: dict[str, Any]) -> dict[str, str]:
    """Return how each service is; the instance's name is that of the process here."""
    return {one["service"]: one["state"] for one in document["services"]}


async def until_told(documents: Documents, **wanted: str) -> dict[str, Any]:
    """Return the first document in which these services are in these states."""
    async with asyncio.timeout(PATIENCE_S):
        async for document in documents:
            if wanted.items() <= states(document).items():
                return document
    raise AssertionError("the stream ended")


async def test_what_ingress_accepts_is_told_a_second_later(http: httpx.AsyncClient) -> None:
    """Its own pulses go round over NATS too; the backlog is what the stream holds."""
    async with opened(http) as documents:
        for _ in range(3):
            assert (await http.post("/payments", json=payment(new_id()))).status_code == 202
        async with asyncio.timeout(PATIENCE_S):
            async for document in documents:
                if document["payments"]["accepted"] == 3 and document["payments"]["backlog"] == 3:
                    break
        assert document["payments"]["oldestWaitS"] > 0
        assert states(document)["nats"] == "up"


async def test_what_others_say_of_themselves_is_folded_in(bus: Bus, http: httpx.AsyncClient) -> None:
    """And what is no pulse is left out, without harm."""
    async with opened(http) as documents:
        await until_told(documents, ingress="up")
        bus.publish(subjects.pulse("ledger", "ledger"), b"no pulse")
        bus.publish(subjects.pulse("ledger", "ledger"), encode(ledger({"default": Totals(2, 3980)})))
        bus.publish(subjects.pulse("dispatcher", "dispatcher-1"), encode(dispatcher({"default": 2})))
        document = await until_told(documents, ledger="up", dispatcher="up")
        assert document["totals"] == {"settled": 2, "amount": 39.8, "feesPaid": 1.99, "saved": 3.98}
        assert document["processors"][0]["condition"] == "serving"


async def test_nats_away_is_told_and_so_is_its_return(nats_server: NatsServer, http: httpx.AsyncClient) -> None:
    """The stream goes on meanwhile, a document a second."""
    async with opened(http) as documents:
        await until_told(documents, nats="up")
        nats_server.kill()
        document = await until_told(documents, nats="silent")
        assert document["troubles"] == [one for one in document["troubles"] if one.startswith("NATS has not")] != []
        nats_server.start()
        await until_told(documents, nats="up", ingress="up")


async def test_a_page_opened_while_nats_is_away_is_told_and_lives_on(
    nats_server: NatsServer, http: httpx.AsyncClient
) -> None:
    """That is when operators open it: it must not be the end of the instance that is asked."""
    nats_server.kill()
    async with opened(http) as documents:
        await until_told(documents, nats="silent", ingress="silent")
        nats_server.start()
        await until_told(documents, nats="up", ingress="up")


async def test_a_frozen_nats_is_told_too(nats_server: NatsServer, http: httpx.AsyncClient) -> None:
    """Its connection stays open and says nothing: only a question that is not answered shows it."""
    async with opened(http) as documents:
        await until_told(documents, nats="up")
        nats_server.freeze()
        await until_told(documents, nats="silent")
        nats_server.thaw()
        await until_told(documents, nats="up", ingress="up")


async def test_one_page_too_many_is_503_until_another_leaves(ingress: IngressProcess) -> None:
    """The page then tries again by itself."""
    async with (
        client_at(ingress, "127.0.0.1") as http,
        client_at(ingress, "127.0.0.2") as other,
        AsyncExitStack() as pages,
    ):
        for at in range(PAGES_MAX - 1):
            await pages.enter_async_context(opened(http if at % 2 else other))
        async with opened(http):
            refused = await http.get("/events")
            assert (refused.status_code, refused.json()["error"]) == (503, "too_many_pages")
            assert refused.headers["retry-after"] == "1"

        async def is_welcome() -> bool:
            async with http.stream("GET", "/events") as answer:
                return answer.status_code == 200

        await until(is_welcome, "the end of the page that was closed")


async def test_pages_of_one_address_leave_room_for_others(ingress: IngressProcess) -> None:
    """Whoever opens as many as it may shuts nobody else out."""
    async with (
        client_at(ingress, "127.0.0.1") as http,
        client_at(ingress, "127.0.0.2") as other,
        AsyncExitStack() as pages,
    ):
        for _ in range(PAGES_PER_ADDRESS_MAX):
            await pages.enter_async_context(opened(http))
        refused = await http.get("/events", headers={"X-Real-IP": "10.0.0.1"})  # which only our balancer is asked for
        assert (refused.status_code, refused.json()["error"]) == (429, "too_many_pages")
        async with opened(other) as documents:
            await anext(documents)


async def test_a_page_that_closes_is_forgotten_and_nothing_is_heard_any_more(
    ingress: IngressProcess, http: httpx.AsyncClient
) -> None:
    """What nobody looks at costs nothing."""
    async with opened(http) as documents:
        await anext(documents)
    await until(lambda: "vitals.unwatched" in ingress.events(), "the end of listening")


async def test_open_pages_do_not_hold_the_stop_up_and_end_in_order(
    ingress: IngressProcess, http: httpx.AsyncClient
) -> None:
    """Their streams end as a stream should: the reader knows that it is whole, and comes back."""
    async with opened(http) as first, opened(http) as second:
        await anext(first)
        stopped = asyncio.create_task(asyncio.to_thread(ingress.stop, signal.SIGTERM))
        async with asyncio.timeout(PATIENCE_S):
            for documents in (first, second):
                _ = [document async for document in documents]
        assert await stopped == 0
    assert "ingress.connection_aborted" not in ingress.events()  # which is what follows where the stop waits in vain


async def test_a_stream_outlasts_the_time_that_other_answers_have(
    ingress: IngressProcess, http: httpx.AsyncClient
) -> None:
    """RESPONSE_TIMEOUT is 15 s from the last write, and there is one each second."""
    async with opened(http) as documents:
        begun_s = time.monotonic()
        async with asyncio.timeout(PATIENCE_S):
            async for _ in documents:
                if time.monotonic() - begun_s > 16:
                    return
    raise AssertionError("the stream ended")
