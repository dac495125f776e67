"""GET of one payment: accepted, settled or refused, and what it waits for."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from services.bus.jetstream.publish import StoredAt, store
from services.bus.wire.connection import Bus
from services.bus.wire.message import Message
from services.contracts import holding, subjects
from services.contracts.holding import Holding
from tests.integration.ingress.ingress_process import new_id, payment
from tests.integration.ingress.payment_states import ACCEPTED_AT, refuse, settle


async def test_status_follows_the_payment(bus: Bus, http: httpx.AsyncClient) -> None:
    """GET returns accepted, then settled with what the processor recorded; any spelling of the id works."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    accepted = (await http.get(f"/payments/{payment_id}")).json()
    assert accepted.pop("acceptedAt").endswith("Z")
    assert accepted == {"correlationId": payment_id, "amount": 19.90, "status": "accepted", "waitingFor": None}
    await settle(bus, payment_id)
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
    ("known", "waiting_for"),
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
async def test_an_accepted_payment_is_returned_with_what_it_waits_for(
    bus: Bus, http: httpx.AsyncClient, known: Holding, waiting_for: dict[str, Any]
) -> None:
    """As the dispatcher that has it in hand answers; once it is settled, it waits for nothing."""
    payment_id = new_id()

    def answer(message: Message) -> None:
        asked = holding.decode_asked(message.data)
        bus.publish(message.reply, holding.encode(replace(known, id=asked.id)))

    await bus.subscribe(subjects.DISPATCHER_PAYMENT, answer)
    await http.post("/payments", json=payment(payment_id))
    assert (await http.get(f"/payments/{payment_id}")).json()["waitingFor"] == waiting_for
    await settle(bus, payment_id)
    assert "waitingFor" not in (await http.get(f"/payments/{payment_id}")).json()


@pytest.mark.parametrize("says", [None, b"not what was agreed on"])
async def test_if_no_dispatcher_answers_the_rest_is_still_returned(
    bus: Bus, http: httpx.AsyncClient, says: bytes | None
) -> None:
    """They get the request and do not answer, or not readably: the rest is returned soon."""
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
async def test_an_unreadable_record_is_named_and_is_not_a_bug(
    bus: Bus, http: httpx.AsyncClient, stream: str, subject: Callable[[str], str]
) -> None:
    """It may be a payment or not: the answer names the stream and the message, and what a person must do."""
    payment_id = new_id()
    stored = await store(bus, stream, subject(payment_id), b"{}", message_id=payment_id)
    assert isinstance(stored, StoredAt)
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
    """And the processor that refused it."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    await refuse(bus, payment_id)
    status = (await http.get(f"/payments/{payment_id}")).json()
    assert (status["status"], status["processor"], status["detail"]) == ("refused", "default", "no such account")
