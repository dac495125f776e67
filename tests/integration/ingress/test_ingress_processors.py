"""Processors paused and resumed by HTTP: a real ingress with keys, a real bucket and log, a dispatcher's endpoint."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.bus.jetstream.follower import Follower
from services.bus.jetstream.streams import StreamLimits
from services.bus.jetstream.work_queue import Delivery
from services.bus.micro.service import Served, serve
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.operations import OperationRecorded, decode_operation
from services.contracts.processor import Processor
from services.contracts.processor_entry import seeded
from services.dispatcher.adapters.processors_endpoint import ABOUT, ProcessorsEndpoint
from services.keys.key import Key, hash_of
from services.keys.key_file import write_keys
from services.records.processors import ProcessorBucket
from tests.integration.ingress.ingress_process import IngressProcess
from tests.nats_server import PATIENCE_S, NatsServer, until

WHY = {"reason": "their maintenance"}


def key(name: str, *scopes: str) -> Key:
    """Return a key whose secret is its name."""
    return Key(name, hash_of(name.encode()), scopes, 1e6, 1_000_000, datetime.now(UTC))  # type: ignore[arg-type]


def bearer(name: str) -> dict[str, str]:
    """Return the header of a key."""
    return {"Authorization": f"Bearer {name}"}


@pytest.fixture
def ingress(tmp_path: Path, nats_server: NatsServer, streams: StreamLimits) -> Iterator[IngressProcess]:
    """An ingress that needs keys."""
    path = tmp_path / "api_keys.json"
    write_keys(path, (key("desk", "read", "operate"), key("reader", "read")))
    process = IngressProcess(tmp_path / "log", nats_server.url, API_KEYS=str(path), ALLOW_PURGE="1")
    try:
        yield process.start()
    finally:
        process.stop()


@pytest_asyncio.fixture
async def http(ingress: IngressProcess) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key of an operator."""
    async with httpx.AsyncClient(
        base_url=ingress.url, headers=bearer("desk"), timeout=PATIENCE_S, trust_env=False
    ) as client:
        yield client


@pytest_asyncio.fixture
async def bucket(bus: Bus, streams: StreamLimits) -> ProcessorBucket:
    """Two processors."""
    bucket = ProcessorBucket(bus)
    for order, (name, fee) in enumerate((("default", "0.05"), ("fallback", "0.15"))):
        entry = seeded(None, Processor(name, f"http://{name}:8080", Decimal(fee)), order)
        await bucket.change(name, lambda _, entry=entry: entry)  # type: ignore[misc]  # each its own
    return bucket


@pytest_asyncio.fixture
async def dispatcher(bus: Bus, bucket: ProcessorBucket) -> Served:
    """The endpoint that answers."""
    return await serve(bus, subjects.DISPATCHER, "a dispatcher's endpoint", ProcessorsEndpoint(bus).answers, ABOUT)


async def recorded(bus: Bus) -> list[OperationRecorded]:
    """Return all events in the log."""
    events: list[OperationRecorded] = []

    def take(delivery: Delivery) -> None:
        events.append(decode_operation(delivery.data))

    follower = Follower(bus, subjects.OPERATIONS, subjects.OPERATIONS_ALL, take)
    following = asyncio.create_task(follower.run())
    try:
        await until(lambda: follower.is_caught_up, "all of the log")
    finally:
        following.cancel()
    return events


def one(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a processor of the list."""
    (found,) = [each for each in document["processors"] if each["name"] == name]
    return dict(found)


async def test_paused_by_http_listed_and_resumed(
    http: httpx.AsyncClient, bus: Bus, bucket: ProcessorBucket, dispatcher: Served
) -> None:
    """The bucket changes as by command; the list has who, when and why; each step is in the log with the key's name."""
    listed = (await http.get("/processors", headers=bearer("reader"))).json()
    assert [each["name"] for each in listed["processors"]] == ["default", "fallback"]
    assert one(listed, "default") == {
        "name": "default",
        "generation": "default/1",
        "state": "open",
        "fee": 0.05,
        "url": "http://default:8080",
        "pause": None,
    }
    paused = await http.post("/processors/default/pause", json=WHY)
    assert paused.status_code == 200, paused.text
    entry = (await bucket.read())["default"].entry
    assert (entry.state, entry.by, entry.reason) == ("paused", "desk", "their maintenance")
    listed = (await http.get("/processors")).json()
    assert one(listed, "default") == paused.json()
    assert (paused.json()["state"], paused.json()["pause"]["by"]) == ("paused", "desk")
    assert one(listed, "fallback")["state"] == "open"
    again = await http.post("/processors/default/pause", json={"reason": "it takes longer"})
    pause = again.json()["pause"]
    assert (pause["reason"], pause["since"]) == ("it takes longer", paused.json()["pause"]["since"])
    for _ in range(2):  # resumed again it is unchanged
        resumed = await http.post("/processors/default/resume")
        assert (resumed.status_code, resumed.json()["state"], resumed.json()["pause"]) == (200, "open", None)
    events = await recorded(bus)
    kinds = ["pause", "pause", "resume", "resume"]
    assert [(each.kind, each.step) for each in events] == [(kind, step) for kind in kinds for step in ("asked", "done")]
    assert {(each.user, each.who, each.target) for each in events} == {("ingress", "desk", "default")}
    assert events[0].reason == "their maintenance"


async def test_an_earlier_url_that_still_settles_is_listed_as_closing(
    http: httpx.AsyncClient, bucket: ProcessorBucket, dispatcher: Served
) -> None:
    """As the command lists it."""
    another = Processor("default", "http://elsewhere:1", Decimal("0.05"))
    await bucket.change("default", lambda known: seeded(known, another, 0))
    listed = [(each["generation"], each["state"]) for each in (await http.get("/processors")).json()["processors"]]
    assert listed == [("default/2", "open"), ("fallback/1", "open"), ("default/1", "closing")]


async def test_an_unknown_processor_or_an_invalid_reason_is_refused(
    http: httpx.AsyncClient, bus: Bus, bucket: ProcessorBucket, dispatcher: Served
) -> None:
    """With a slug and a sentence; nothing is changed."""
    before = await bucket.read()
    refused = {
        "/processors/nobody/pause": (WHY, 404, "no_such_processor"),
        "/processors/nobody/resume": ({}, 404, "no_such_processor"),
        "/processors/De%2Ffault/pause": (WHY, 404, "no_such_processor"),
        "/processors/default/pause": ({}, 400, "field_missing"),
        "/processors/default/resume": ({"reason": 7}, 400, "field_mistyped"),
    }
    for path, (body, status, slug) in refused.items():
        answer = await http.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]) == (status, slug), path
        assert answer.json()["detail"]
    text = await http.post(
        "/processors/default/pause", content=b'{"reason": "x"}', headers={"Content-Type": "text/plain"}
    )
    assert (text.status_code, text.json()["error"]) == (415, "not_json_type")
    assert (await http.get("/processors/default/pause")).status_code == 405
    assert (await http.head("/processors")).status_code == 200
    assert (await http.get("/processors?name=default")).json()["error"] == "unknown_parameter"
    assert await bucket.read() == before
    assert [(each.target, each.step) for each in await recorded(bus)] == [
        ("nobody", step) for step in ("asked", "refused") * 2
    ]


async def test_another_sites_page_cannot_pause(
    ingress: IngressProcess, bucket: ProcessorBucket, dispatcher: Served
) -> None:
    """Not even with the cookie of a signed-in operator; our own page can."""
    cookie = {"Cookie": "tarifa_key=desk"}
    async with httpx.AsyncClient(base_url=ingress.url, timeout=PATIENCE_S, trust_env=False) as http:
        for site in ({"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "same-site"}, {}):
            for path in ("pause", "resume"):
                denied = await http.post(f"/processors/default/{path}", json=WHY, headers=cookie | site)
                assert (denied.status_code, denied.json()["error"]) == (403, "cross_site")
        assert (await bucket.read())["default"].entry.state == "open"
        own = cookie | {"Sec-Fetch-Site": "same-origin"}
        assert (await http.post("/processors/default/pause", json=WHY, headers=own)).status_code == 200


async def test_without_a_dispatcher_it_is_503_and_in_the_log(
    http: httpx.AsyncClient, bus: Bus, bucket: ProcessorBucket
) -> None:
    """Which may be repeated."""
    assert (await http.get("/processors")).json()["error"] == "dispatcher_away"
    answer = await http.post("/processors/default/pause", json=WHY)
    assert (answer.status_code, answer.json()["error"]) == (503, "dispatcher_away")
    assert answer.headers["retry-after"]
    assert "repeating it is safe" in answer.json()["detail"]
    assert [each.step for each in await recorded(bus)] == ["asked", "failed"]


async def test_a_dispatcher_refuses_an_invalid_pause(bus: Bus, dispatcher: Served) -> None:
    """The request must name who does it; anything else is an error."""
    for asked in (b"", b"{}", b'{"name": "default", "pause": {"by": "", "reason": "x", "since": null}}'):
        answer = await bus.request(subjects.DISPATCHER_PAUSE, asked, PATIENCE_S)
        assert answer.headers["Nats-Service-Error-Code"] == "400"
        assert answer.headers["Nats-Service-Error"].startswith("not a PauseAsked: ")


async def test_a_purge_is_in_the_log_with_the_name_of_the_key(http: httpx.AsyncClient, bus: Bus) -> None:
    """Before and after it is done."""
    assert (await http.post("/purge-payments")).json() == {"status": "cleared"}
    events = await recorded(bus)
    assert [(each.kind, each.step, each.user, each.who) for each in events] == [
        ("purge", step, "ingress", "desk") for step in ("asked", "done")
    ]
