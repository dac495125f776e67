"""``GET /payments`` of a real process on a real server: what waits, by dispatchers' answers, and what is settled."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.bus.jetstream.lookup import last_for
from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus
from services.bus.wire.message import Message
from services.contracts import holding, subjects
from services.contracts.events import PaymentReleased, PaymentSettled, SettlementsCleared, encode
from services.contracts.holding import AssignmentMade, AttemptMade, Holding, HoldingsAnswered
from services.contracts.money import Cents
from services.contracts.stamp import text_of
from tests.integration.ingress.ingress_process import new_id, payment
from tests.nats_server import PATIENCE_S

NOON = datetime(2025, 7, 15, 12, tzinfo=UTC)
ME, OTHER = "dispatcher-1/me", "dispatcher-2/other"
LAST = AttemptMade(NOON, "default", 1000.5, "unknown", "no answer within 1 s")


async def accepted(bus: Bus, http: httpx.AsyncClient, count: int) -> dict[str, int]:
    """Have payments stored; return their sequences by id."""
    ids = [new_id() for _ in range(count)]
    for payment_id in ids:
        assert (await http.post("/payments", json=payment(payment_id))).status_code == 202
    found = [await last_for(bus, subjects.PAYMENTS, subjects.accepted(payment_id)) for payment_id in ids]
    return {payment_id: message.seq for payment_id, message in zip(ids, found, strict=True) if message is not None}


async def settle(bus: Bus, number: int, name: str = "default", payment_id: str = "") -> str:
    """Store a settlement, of a new payment unless it is given; return its id."""
    payment_id = payment_id or new_id()
    stamp = NOON + timedelta(seconds=number)
    event = PaymentSettled(payment_id, Cents(1990 + number), name, stamp, NOON, 1, stamp + timedelta(milliseconds=7))
    assert isinstance(
        await store(bus, subjects.SETTLEMENTS, subjects.settled(name, payment_id), encode(event)), StoredAt
    )
    return payment_id


async def answers(bus: Bus, owner: str, others: tuple[str, ...], known: Callable[[], list[Holding]]) -> None:
    """Answer as a dispatcher that knows these."""

    def answer(message: Message) -> None:
        asked = holding.decode_many_asked(message.data)
        end = 1 << 60 if asked.to is None else asked.to
        found = [each for each in known() if asked.after < each.seq <= end][: asked.limit]
        bus.publish(message.reply, holding.encode(HoldingsAnswered(owner, others, tuple(found))))

    await bus.subscribe(subjects.DISPATCHER_PAYMENTS, answer)


async def listed(http: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    """Return a page; while no dispatcher has answered, ask again, as the 503 says."""
    answer = await http.get("/payments", params=query)
    deadline = time.monotonic() + PATIENCE_S
    while answer.status_code == 503 and time.monotonic() < deadline:
        answer = await http.get("/payments", params=query)
    return dict(answer.json())


async def test_what_is_in_doubt_is_listed_with_what_it_waits_for(bus: Bus, http: httpx.AsyncClient) -> None:
    """Both dispatchers know of it, and the one that has it in hand knows more; nothing is consumed."""
    seqs = await accepted(bus, http, 3)
    first, second, _ = seqs
    mine = Holding(first, "default", 4, ME, 3, in_doubt=True, since=NOON, seq=seqs[first], in_hand=True, last=LAST)
    by_log = Holding(first, "default", 4, ME, 0, in_doubt=True, since=NOON, seq=seqs[first])
    theirs = Holding(second, "default", 5, OTHER, 0, in_doubt=True, since=NOON, seq=seqs[second])
    gone = Holding(new_id(), "default", 6, ME, 0, in_doubt=True, since=NOON, seq=seqs[second] + 7)
    await answers(bus, OTHER, (ME, OTHER), lambda: [by_log, theirs, gone])
    await answers(bus, ME, (ME, OTHER), lambda: [mine, theirs])
    page = await listed(http, inDoubt="true", processor="default")
    assert [row["correlationId"] for row in page["payments"]] == [first, second]
    assert page["payments"][0]["waitingFor"] == {
        "processor": "default",
        "since": text_of(NOON),
        "attempts": 3,
        "inDoubt": True,
        "dispatcher": "dispatcher-1",
        "released": False,
        "lastAttempt": {
            "requestedAt": text_of(NOON),
            "processor": "default",
            "tookMs": 1000.5,
            "outcome": "unknown",
            "detail": "no answer within 1 s",
        },
    }
    assert (page["next"], page["dispatchers"]) == (None, {"answered": ["dispatcher-1", "dispatcher-2"], "silent": []})
    assert (await stream_state(bus, subjects.PAYMENTS)).messages == 3
    assert (await listed(http, inDoubt="true", olderThan="1h"))["payments"] == []


async def test_a_dispatcher_that_hangs_is_named(bus: Bus, http: httpx.AsyncClient) -> None:
    """And the others' answers are returned without it."""
    seqs = await accepted(bus, http, 1)
    known = [Holding(each, "default", 4, OTHER, 0, in_doubt=True, seq=seq) for each, seq in seqs.items()]
    await answers(bus, ME, (ME, OTHER), lambda: known)
    page = await listed(http, inDoubt="true")
    assert len(page["payments"]) == 1
    assert page["dispatchers"] == {"answered": ["dispatcher-1"], "silent": ["dispatcher-2"]}


async def test_all_that_waits_is_listed_page_by_page(bus: Bus, http: httpx.AsyncClient) -> None:
    """Without any dispatcher, too; a payment accepted after the first page is on a later one."""
    seqs = list(await accepted(bus, http, 5))
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await http.get("/payments", params={"limit": "2", **cursor})).json()
        found += [row["correlationId"] for row in page["payments"]]
        if page["next"] is None:
            break
        if len(found) == 2:
            seqs += await accepted(bus, http, 1)
        cursor = {"cursor": page["next"]}
    assert found == seqs
    assert page["dispatchers"]["answered"] == []
    refused = await http.get("/payments?inDoubt=true")
    assert (refused.status_code, refused.json()["error"]) == (503, "dispatchers_away")


async def test_what_cannot_be_read_does_not_hide_the_rest(bus: Bus, http: httpx.AsyncClient) -> None:
    """It waits for ever, and the list continues after it."""
    before = list(await accepted(bus, http, 1))
    assert isinstance(await store(bus, subjects.PAYMENTS, subjects.accepted(new_id()), b"{}"), StoredAt)
    after = list(await accepted(bus, http, 1))
    page = (await http.get("/payments")).json()
    assert [row["correlationId"] for row in page["payments"]] == before + after


async def test_settled_ones_are_listed_by_the_processors_stamp(bus: Bus, http: httpx.AsyncClient) -> None:
    """In the order in which they were stored, each with whether the book counts it."""
    before = await settle(bus, 1)
    assert isinstance(
        await store(bus, subjects.SETTLEMENTS, subjects.CLEARED, encode(SettlementsCleared(NOON))), StoredAt
    )
    ids = [await settle(bus, number, ("default", "fallback")[number % 2]) for number in range(2, 7)]
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await http.get("/payments", params={"status": "settled", "limit": "2", **cursor})).json()
        found += page["payments"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert [row["correlationId"] for row in found] == [before, *ids]
    assert [row["counted"] for row in found] == [False] + [True] * 5
    assert found[1] == {
        "correlationId": ids[0],
        "amount": 19.92,
        "status": "settled",
        "processor": "default",
        "requestedAt": "2025-07-15T12:00:02.000Z",
        "acceptedAt": text_of(NOON),
        "bookedAt": "2025-07-15T12:00:02.007Z",
        "counted": True,
    }
    period = {"status": "settled", "from": "2025-07-15T12:00:03Z", "to": "2025-07-15T12:00:05Z"}
    within = (await http.get("/payments", params=period)).json()["payments"]
    assert [row["correlationId"] for row in within] == ids[1:4]
    late = (await http.get("/payments", params={"status": "settled", "from": text_of(datetime.now(UTC))})).json()
    assert late == {"payments": [], "next": None}


async def test_only_the_first_settlement_of_a_payment_is_listed_as_counted(bus: Bus, http: httpx.AsyncClient) -> None:
    """As in the book and in an export; also where only the second one is listed."""
    twice = await settle(bus, 1)
    await asyncio.gather(*(settle(bus, 3, "fallback", twice) for _ in range(2)))
    for query, counted in (("", [True, False, False]), ("&processor=fallback", [False, False])):
        found = (await http.get(f"/payments?status=settled{query}")).json()["payments"]
        assert [row["counted"] for row in found] == counted


@pytest.mark.parametrize(
    "query", ["inDoubt=maybe", "limit=9999", "cursor=x", "olderThan=60", "colour=red", "limit=1&limit=2"]
)
async def test_an_invalid_query_is_refused(http: httpx.AsyncClient, query: str) -> None:
    """With a slug and a sentence, also in a HEAD."""
    refused = await http.get(f"/payments?{query}")
    assert refused.status_code == 400
    assert refused.json()["error"] in {"bad_parameter", "unknown_parameter"}
    assert query.partition("=")[0] in refused.json()["detail"]
    assert (await http.head(f"/payments?{query}")).status_code == 400


async def test_payments_are_accepted_while_lists_are_read(bus: Bus, http: httpx.AsyncClient) -> None:
    """A list of thousands is read a part at a time, and few at once."""
    await asyncio.gather(*(http.post("/payments", json=payment(new_id())) for _ in range(300)))
    lists = [asyncio.create_task(http.get("/payments?limit=500")) for _ in range(4)]
    for _ in range(20):
        assert (await http.post("/payments", json=payment(new_id()))).status_code == 202
    statuses = sorted([(await each).status_code for each in lists])
    assert statuses[0] == 200
    assert set(statuses) <= {200, 503}


async def test_a_payments_life_is_returned_step_by_step(bus: Bus, http: httpx.AsyncClient) -> None:
    """While it waits with what its dispatcher has in memory, and once it is settled with all releases."""
    seqs = await accepted(bus, http, 1)
    ((payment_id, seq),) = seqs.items()
    line = AssignmentMade(4, NOON, "send", "default", ME)
    known = Holding(
        payment_id,
        *("default", 4, ME, 1, True),
        since=NOON,
        seq=seq,
        in_hand=True,
        attempts_made=(LAST,),
        assignments=(line,),
    )
    asked: list[bool] = []

    def answer(message: Message) -> None:
        asked.append(holding.decode_asked(message.data).life)
        bus.publish(message.reply, holding.encode(known))

    await bus.subscribe(subjects.DISPATCHER_PAYMENT, answer)
    life = (await http.get(f"/payments/{payment_id}/life")).json()
    assert (life["status"], [step["what"] for step in life["steps"]]) == (
        "accepted",
        ["assigned", "attempt", "accepted"],
    )
    assert life["steps"][1]["tookMs"] == 1000.5
    assert asked == [False, True]
    for to in ("fallback", "default"):
        released = PaymentReleased(payment_id, "default", to, "a test", NOON)
        stored = await store(bus, subjects.SETTLEMENTS, subjects.released(payment_id), encode(released))
        assert isinstance(stored, StoredAt)
    event = PaymentSettled(payment_id, Cents(1990), "fallback", NOON, NOON, seq, datetime.now(UTC))
    assert isinstance(
        await store(bus, subjects.SETTLEMENTS, subjects.settled("fallback", payment_id), encode(event)), StoredAt
    )
    life = (await http.get(f"/payments/{payment_id}/life")).json()
    assert life["status"] == "settled"
    assert [step["what"] for step in life["steps"]] == ["accepted", "released", "released", "settled"]
    assert [step["to"] for step in life["steps"][1:3]] == ["fallback", "default"]
    assert len(life["notKnown"]) == 1
    missing = await http.get(f"/payments/{new_id()}/life")
    assert (missing.status_code, missing.json()["error"]) == (404, "no_such_payment")
    assert (await http.get("/payments/7/life")).json()["error"] == "not_an_id"
