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
    """Open a page's stream; yield its documents as they come."""
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
    """Return the state of each service; the instance's name is that of the process here."""
    return {one["service"]: one["state"] for one in document["services"]}


async def until_states(documents: Documents, **wanted: str) -> dict[str, Any]:
    """Return the first document in which these services are in these states."""
    async with asyncio.timeout(PATIENCE_S):
        async for document in documents:
            if wanted.items() <= states(document).items():
                return document
    raise AssertionError("the stream ended")


async def test_what_ingress_accepts_is_shown_a_second_later(http: httpx.AsyncClient) -> None:
    """Its own pulses arrive over NATS too; the backlog is what the stream holds."""
    async with opened(http) as documents:
        for _ in range(3):
            assert (await http.post("/payments", json=payment(new_id()))).status_code == 202
        async with asyncio.timeout(PATIENCE_S):
            async for document in documents:
                if document["payments"]["accepted"] == 3 and document["payments"]["backlog"] == 3:
                    break
        assert document["payments"]["oldestWaitS"] > 0
        assert states(document)["nats"] == "up"


async def test_other_services_pulses_are_included(bus: Bus, http: httpx.AsyncClient) -> None:
    """And an invalid pulse is ignored, without harm."""
    async with opened(http) as documents:
        await until_states(documents, ingress="up")
        bus.publish(subjects.pulse("ledger", "ledger"), b"not a pulse")
        bus.publish(subjects.pulse("ledger", "ledger"), encode(ledger({"default": Totals(2, 3980)})))
        bus.publish(subjects.pulse("dispatcher", "dispatcher-1"), encode(dispatcher({"default": 2})))
        document = await until_states(documents, ledger="up", dispatcher="up")
        assert document["totals"] == {"settled": 2, "amount": 39.8, "feesPaid": 1.99, "saved": 3.98}
        assert document["processors"][0]["condition"] == "serving"


async def test_the_loss_of_nats_and_its_return_are_shown(nats_server: NatsServer, http: httpx.AsyncClient) -> None:
    """The stream continues meanwhile, a document a second."""
    async with opened(http) as documents:
        await until_states(documents, nats="up")
        nats_server.kill()
        document = await until_states(documents, nats="silent")
        assert document["troubles"] == [one for one in document["troubles"] if one.startswith("NATS has not")] != []
        nats_server.start()
        await until_states(documents, nats="up", ingress="up")


async def test_a_page_opened_while_nats_is_away_shows_it_and_continues(
    nats_server: NatsServer, http: httpx.AsyncClient
) -> None:
    """That is when operators open it: it must not end the instance that serves it."""
    nats_server.kill()
    async with opened(http) as documents:
        await until_states(documents, nats="silent", ingress="silent")
        nats_server.start()
        await until_states(documents, nats="up", ingress="up")


async def test_a_frozen_nats_is_shown_too(nats_server: NatsServer, http: httpx.AsyncClient) -> None:
    """Its connection stays open and silent: only an unanswered request shows it."""
    async with opened(http) as documents:
        await until_states(documents, nats="up")
        nats_server.freeze()
        await until_states(documents, nats="silent")
        nats_server.thaw()
        await until_states(documents, nats="up", ingress="up")


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

        async def is_admitted() -> bool:
            async with http.stream("GET", "/events") as answer:
                return answer.status_code == 200

        await until(is_admitted, "the end of the page that was closed")


async def test_pages_of_one_address_leave_room_for_others(ingress: IngressProcess) -> None:
    """A client that opens as many as it may keeps no other out."""
    async with (
        client_at(ingress, "127.0.0.1") as http,
        client_at(ingress, "127.0.0.2") as other,
        AsyncExitStack() as pages,
    ):
        for _ in range(PAGES_PER_ADDRESS_MAX):
            await pages.enter_async_context(opened(http))
        refused = await http.get("/events", headers={"X-Real-IP": "10.0.0.1"})  # which is read only from our balancer
        assert (refused.status_code, refused.json()["error"]) == (429, "too_many_pages")
        async with opened(other) as documents:
            await anext(documents)


async def test_when_the_last_page_closes_nothing_is_subscribed_to_any_more(
    ingress: IngressProcess, http: httpx.AsyncClient
) -> None:
    """Without a reader it costs nothing."""
    async with opened(http) as documents:
        await anext(documents)
    await until(lambda: "vitals.unwatched" in ingress.events(), "the end of listening")


async def test_open_pages_do_not_delay_the_stop_and_end_in_order(
    ingress: IngressProcess, http: httpx.AsyncClient
) -> None:
    """Their streams end as a stream should: the reader knows that it is complete, and reconnects."""
    async with opened(http) as first, opened(http) as second:
        await anext(first)
        stopped = asyncio.create_task(asyncio.to_thread(ingress.stop, signal.SIGTERM))
        async with asyncio.timeout(PATIENCE_S):
            for documents in (first, second):
                _ = [document async for document in documents]
        assert await stopped == 0
    assert "ingress.connection_aborted" not in ingress.events()  # logged if the stop waits in vain


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
