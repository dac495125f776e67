"""2xx means stored, once: what becomes of a payment and of its repetitions, with a real server and a real process."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from services.bus.jetstream import api
from services.bus.jetstream.lookup import last_for
from services.bus.jetstream.publish import Stored, store
from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus
from services.bus.wire.message import Message
from services.contracts import holding, subjects
from services.contracts.events import PaymentRefused, PaymentSettled, Trace, decode_accepted, encode
from services.contracts.holding import Holding
from services.contracts.money import Cents
from tests.integration.ingress.ingress_process import IngressProcess, new_id, payment
from tests.nats_server import NatsServer

REQUESTED_AT = datetime(2025, 7, 15, 12, 34, 56, 789_000, tzinfo=UTC)
ACCEPTED_AT = datetime(2025, 7, 15, 12, 34, 56, tzinfo=UTC)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def _leave_the_queue(bus: Bus, payment_id: str) -> int:
    found = await last_for(bus, subjects.PAYMENTS, subjects.accepted(payment_id))
    assert found is not None
    await api.call(bus, f"STREAM.MSG.DELETE.{subjects.PAYMENTS}", {"seq": found.seq})
    return found.seq


async def _settle(bus: Bus, payment_id: str, cents: int = 1990) -> None:
    seq = await _leave_the_queue(bus, payment_id)
    event = PaymentSettled(payment_id, Cents(cents), "fallback", REQUESTED_AT, ACCEPTED_AT, seq)
    subject = subjects.settled("fallback", payment_id)
    assert isinstance(await store(bus, subjects.SETTLEMENTS, subject, encode(event)), Stored)


async def _refuse(bus: Bus, payment_id: str) -> None:
    seq = await _leave_the_queue(bus, payment_id)
    event = PaymentRefused(payment_id, Cents(1990), "default", "no such account", ACCEPTED_AT, seq)
    subject = subjects.refused("default", payment_id)
    assert isinstance(await store(bus, subjects.SETTLEMENTS, subject, encode(event)), Stored)


async def _waiting(bus: Bus) -> int:
    return (await stream_state(bus, subjects.PAYMENTS)).messages


async def test_accepted_payment_is_in_the_stream_when_the_answer_is_there(bus: Bus, http: httpx.AsyncClient) -> None:
    """A 202 is given for a payment that can be looked up, in whole cents."""
    payment_id = new_id()
    answer = await http.post("/payments", json=payment(payment_id, 19.90))
    assert (answer.status_code, answer.json()) == (202, {"correlationId": payment_id, "status": "accepted"})
    assert "Idempotent-Replayed" not in answer.headers
    found = await last_for(bus, subjects.PAYMENTS, subjects.accepted(payment_id))
    assert found is not None
    event = decode_accepted(found.data)
    assert (event.id, event.amount_cents) == (payment_id, 1990)


async def test_a_traceparent_travels_with_the_payment(bus: Bus, http: httpx.AsyncClient) -> None:
    """It is a header of the message, and of how the payment stands; so it is once the payment is settled."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id), headers={"TraceParent": TRACEPARENT})
    found = await last_for(bus, subjects.PAYMENTS, subjects.accepted(payment_id))
    assert found is not None
    assert found.headers["traceparent"] == TRACEPARENT
    assert (await http.get(f"/payments/{payment_id}")).json()["traceparent"] == TRACEPARENT
    seq = await _leave_the_queue(bus, payment_id)
    event = PaymentSettled(payment_id, Cents(1990), "fallback", REQUESTED_AT, ACCEPTED_AT, seq)
    data = encode(replace(event, trace=Trace(TRACEPARENT)))
    assert isinstance(await store(bus, subjects.SETTLEMENTS, subjects.settled("fallback", payment_id), data), Stored)
    settled = (await http.get(f"/payments/{payment_id}")).json()
    assert (settled["status"], settled["traceparent"]) == ("settled", TRACEPARENT)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("traceparent", "00-not-valid-01")],
        [("traceparent", TRACEPARENT), ("traceparent", TRACEPARENT)],
        [("traceparent", TRACEPARENT.upper())],
    ],
    ids=["none", "not valid", "twice", "in capitals"],
)
async def test_a_traceparent_that_is_not_valid_is_none(
    bus: Bus, http: httpx.AsyncClient, headers: list[tuple[str, str]]
) -> None:
    """The payment is accepted all the same, and has no trace."""
    payment_id = new_id()
    answer = await http.post("/payments", json=payment(payment_id), headers=headers)
    assert answer.status_code == 202
    found = await last_for(bus, subjects.PAYMENTS, subjects.accepted(payment_id))
    assert found is not None
    assert "traceparent" not in found.headers
    assert "traceparent" not in (await http.get(f"/payments/{payment_id}")).json()


async def test_repetition_is_answered_and_stored_once(bus: Bus, http: httpx.AsyncClient) -> None:
    """The same id and amount again, in another spelling too, is the same payment."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    for spelling in (payment_id, payment_id.upper()):
        answer = await http.post("/payments", json=payment(spelling))
        assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (202, "true")
        assert answer.json()["correlationId"] == payment_id
    assert await _waiting(bus) == 1


async def test_same_id_with_another_amount_is_refused(bus: Bus, http: httpx.AsyncClient) -> None:
    """An id belongs to one amount."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id, 19.90))
    answer = await http.post("/payments", json=payment(payment_id, 19.91))
    assert (answer.status_code, answer.json()["error"]) == (409, "amount_differs")
    assert await _waiting(bus) == 1


async def test_simultaneous_repetitions_are_stored_once(bus: Bus, http: httpx.AsyncClient) -> None:
    """Of many at once exactly one is new; whoever is told 2xx is told so of that one."""
    payment_id = new_id()
    answers = await asyncio.gather(*(http.post("/payments", json=payment(payment_id)) for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {202, 503}
    assert sum(answer.status_code == 202 and "Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert await _waiting(bus) == 1


async def test_repetition_after_settlement_is_compared_with_the_settlement(bus: Bus, http: httpx.AsyncClient) -> None:
    """Once settled, the amount that counts is what the processor recorded."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id, 19.90))
    await _settle(bus, payment_id, cents=1985)
    same = await http.post("/payments", json=payment(payment_id, 19.85))
    assert (same.status_code, same.headers["Idempotent-Replayed"], same.json()["status"]) == (202, "true", "settled")
    assert (await http.post("/payments", json=payment(payment_id, 19.90))).status_code == 409
    assert await _waiting(bus) == 0


async def test_repetition_of_a_refused_payment_says_refused(bus: Bus, http: httpx.AsyncClient) -> None:
    """A refused payment is not tried again by repeating it."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    await _refuse(bus, payment_id)
    answer = await http.post("/payments", json=payment(payment_id))
    assert (answer.status_code, answer.json()["status"]) == (202, "refused")
    assert await _waiting(bus) == 0


async def test_known_id_whose_original_is_gone_is_never_called_stored(bus: Bus, http: httpx.AsyncClient) -> None:
    """The stream remembers the id but holds nothing: that is 503, not 2xx."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    await _leave_the_queue(bus, payment_id)
    answer = await http.post("/payments", json=payment(payment_id))
    assert (answer.status_code, answer.json()["error"]) == (503, "original_missing")
    assert int(answer.headers["Retry-After"]) > 0
    assert "safe" in answer.json()["detail"]


async def test_id_is_queued_once_even_when_the_server_has_forgotten_it(
    bus: Bus, nats_server: NatsServer, ingress: IngressProcess, http: httpx.AsyncClient
) -> None:
    """Beyond the window of deduplication the expected sequence still keeps a waiting payment single."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    info = await api.call(bus, f"STREAM.INFO.{subjects.PAYMENTS}")
    await api.call(bus, f"STREAM.UPDATE.{subjects.PAYMENTS}", {**info["config"], "duplicate_window": 100_000_000})
    await asyncio.sleep(0.5)
    answer = await http.post("/payments", json=payment(payment_id))
    assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (202, "true")
    assert await _waiting(bus) == 1


async def test_status_follows_the_payment(bus: Bus, http: httpx.AsyncClient) -> None:
    """GET tells accepted, then settled with what the processor recorded; any spelling of the id will do."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    accepted = (await http.get(f"/payments/{payment_id}")).json()
    assert accepted.pop("acceptedAt").endswith("Z")
    assert accepted == {"correlationId": payment_id, "amount": 19.90, "status": "accepted", "waitingFor": None}
    await _settle(bus, payment_id)
    answer = await http.get(f"/payments/{payment_id.upper()}")
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "correlationId": payment_id,
            "amount": 19.90,
            "status": "settled",
            "processor": "fallback",
            "requestedAt": "2025-07-15T12:34:56.789Z",
            "acceptedAt": "2025-07-15T12:34:56.000Z",
        },
    )


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (
            Holding("", "default", 7, "dispatcher-1/1", attempts=3, in_doubt=True, since=ACCEPTED_AT),
            {"processor": "default", "since": "2025-07-15T12:34:56.000Z", "attempts": 3, "inDoubt": True}
            | {"dispatcher": "dispatcher-1", "released": False, "lastAttempt": None},
        ),
        (
            Holding("", "", 0, "", attempts=0, in_doubt=False, since=None),
            {"processor": None, "since": None, "attempts": 0, "inDoubt": False}
            | {"dispatcher": None, "released": False, "lastAttempt": None},
        ),
        (
            Holding("", "fallback", 8, "", attempts=0, in_doubt=False, since=None, released=True),
            {"processor": "fallback", "since": None, "attempts": 0, "inDoubt": False}
            | {"dispatcher": None, "released": True, "lastAttempt": None},
        ),
    ],
)
async def test_an_accepted_payment_says_what_it_waits_for(
    bus: Bus, http: httpx.AsyncClient, known: Holding, told: dict[str, Any]
) -> None:
    """As the dispatcher that has it in hand answers; once it is settled, it waits for nothing."""
    payment_id = new_id()

    def answer(message: Message) -> None:
        asked = holding.decode_asked(message.data)
        bus.publish(message.reply, holding.encode(replace(known, id=asked.id)))

    await bus.subscribe(subjects.DISPATCHER_PAYMENT, answer)
    await http.post("/payments", json=payment(payment_id))
    assert (await http.get(f"/payments/{payment_id}")).json()["waitingFor"] == told
    await _settle(bus, payment_id)
    assert "waitingFor" not in (await http.get(f"/payments/{payment_id}")).json()


@pytest.mark.parametrize("says", [None, b"not what was agreed on"])
async def test_where_no_dispatcher_says_it_the_rest_is_told_all_the_same(
    bus: Bus, http: httpx.AsyncClient, says: bytes | None
) -> None:
    """They hear the question and have nothing to say, or nothing that can be read: soon it is told without."""
    payment_id = new_id()

    def answer(message: Message) -> None:
        if says is not None:
            bus.publish(message.reply, says)

    await bus.subscribe(subjects.DISPATCHER_PAYMENT, answer)
    await http.post("/payments", json=payment(payment_id))
    begun_s = time.monotonic()
    found = await http.get(f"/payments/{payment_id}")
    assert time.monotonic() - begun_s < 1.5
    assert (found.status_code, found.json()["status"], found.json()["waitingFor"]) == (200, "accepted", None)


@pytest.mark.parametrize(
    ("stream", "subject"),
    [(subjects.PAYMENTS, subjects.accepted), (subjects.SETTLEMENTS, lambda each: subjects.settled("default", each))],
)
async def test_what_cannot_be_read_is_named_and_is_no_bug(
    bus: Bus, http: httpx.AsyncClient, stream: str, subject: Callable[[str], str]
) -> None:
    """Neither a payment nor none: the answer names the stream and the message, and what a person must do."""
    payment_id = new_id()
    stored = await store(bus, stream, subject(payment_id), b"{}", message_id=payment_id)
    assert isinstance(stored, Stored)
    answers = [await http.get(f"/payments/{payment_id}")]
    if stream == subjects.PAYMENTS:
        answers.append(await http.post("/payments", json=payment(payment_id, 19.90)))
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json()["error"] == "unreadable"
        detail = answer.json()["detail"]
        assert f"nats stream get {stream} {stored.seq}" in detail
        is_removable = stream == subjects.PAYMENTS  # a gap in SETTLEMENTS is an alarm
        assert (f"nats stream rmm {stream} {stored.seq}" in detail) == is_removable


async def test_status_of_a_refused_payment_has_the_reason(bus: Bus, http: httpx.AsyncClient) -> None:
    """What was turned down says by whom and why."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    await _refuse(bus, payment_id)
    status = (await http.get(f"/payments/{payment_id}")).json()
    assert (status["status"], status["processor"], status["detail"]) == ("refused", "default", "no such account")


async def test_amounts_up_to_the_most_are_exact(bus: Bus, http: httpx.AsyncClient) -> None:
    """What comes back is what was sent, to the cent, up to AMOUNT_MAX itself."""
    for amount in (0.01, 19.9, 100, 999_999_999.99, 1_000_000_000):
        payment_id = new_id()
        assert (await http.post("/payments", json=payment(payment_id, amount))).status_code == 202
        assert (await http.get(f"/payments/{payment_id}")).json()["amount"] == amount
