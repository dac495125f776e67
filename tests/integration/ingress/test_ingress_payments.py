"""POST of a payment: stored once when it is answered, and repetitions are compared with what was stored."""

import asyncio

import httpx
import pytest
from msgspec.structs import replace

from services.bus.jetstream import api
from services.bus.jetstream.lookup import last_for
from services.bus.jetstream.publish import StoredAt, store
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.events import PaymentSettled, Trace, decode_accepted, encode
from services.contracts.money import Cents
from tests.integration.ingress.ingress_process import IngressProcess, new_id, payment
from tests.integration.ingress.payment_states import ACCEPTED_AT, REQUESTED_AT, leave_the_queue, refuse, settle, waiting
from tests.nats_server import NatsServer

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_accepted_payment_is_in_the_stream_when_the_answer_is_there(bus: Bus, http: httpx.AsyncClient) -> None:
    """A 202 is sent only for a payment that can be looked up, in whole cents."""
    payment_id = new_id()
    answer = await http.post("/payments", json=payment(payment_id, 19.90))
    assert (answer.status_code, answer.json()) == (202, {"correlationId": payment_id, "status": "accepted"})
    assert "Idempotent-Replayed" not in answer.headers
    found = await last_for(bus, subjects.PAYMENTS, subjects.accepted(payment_id))
    assert found is not None
    event = decode_accepted(found.data)
    assert (event.id, event.amount_cents) == (payment_id, 1990)


async def test_a_traceparent_stays_with_the_payment(bus: Bus, http: httpx.AsyncClient) -> None:
    """It is a header of the message, and in the payment's status, also once it is settled."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id), headers={"TraceParent": TRACEPARENT})
    found = await last_for(bus, subjects.PAYMENTS, subjects.accepted(payment_id))
    assert found is not None
    assert found.headers["traceparent"] == TRACEPARENT
    assert (await http.get(f"/payments/{payment_id}")).json()["traceparent"] == TRACEPARENT
    seq = await leave_the_queue(bus, payment_id)
    event = PaymentSettled(payment_id, Cents(1990), "fallback", REQUESTED_AT, ACCEPTED_AT, seq)
    data = encode(replace(event, trace=Trace(TRACEPARENT)))
    assert isinstance(await store(bus, subjects.SETTLEMENTS, subjects.settled("fallback", payment_id), data), StoredAt)
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
async def test_an_invalid_traceparent_is_ignored(
    bus: Bus, http: httpx.AsyncClient, headers: list[tuple[str, str]]
) -> None:
    """The payment is accepted, and has no trace."""
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
    assert await waiting(bus) == 1


async def test_same_id_with_another_amount_is_refused(bus: Bus, http: httpx.AsyncClient) -> None:
    """An id belongs to one amount."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id, 19.90))
    answer = await http.post("/payments", json=payment(payment_id, 19.91))
    assert (answer.status_code, answer.json()["error"]) == (409, "amount_differs")
    assert await waiting(bus) == 1


async def test_simultaneous_repetitions_are_stored_once(bus: Bus, http: httpx.AsyncClient) -> None:
    """Of many at once exactly one is new; every 2xx is about that one."""
    payment_id = new_id()
    answers = await asyncio.gather(*(http.post("/payments", json=payment(payment_id)) for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {202, 503}
    assert sum(answer.status_code == 202 and "Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert await waiting(bus) == 1


async def test_repetition_after_settlement_is_compared_with_the_settlement(bus: Bus, http: httpx.AsyncClient) -> None:
    """Once settled, the amount that counts is what the processor recorded."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id, 19.90))
    await settle(bus, payment_id, cents=1985)
    same = await http.post("/payments", json=payment(payment_id, 19.85))
    assert (same.status_code, same.headers["Idempotent-Replayed"], same.json()["status"]) == (202, "true", "settled")
    assert (await http.post("/payments", json=payment(payment_id, 19.90))).status_code == 409
    assert await waiting(bus) == 0


async def test_repetition_of_a_refused_payment_is_answered_as_refused(bus: Bus, http: httpx.AsyncClient) -> None:
    """A refused payment is not tried again by repeating it."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    await refuse(bus, payment_id)
    answer = await http.post("/payments", json=payment(payment_id))
    assert (answer.status_code, answer.json()["status"]) == (202, "refused")
    assert await waiting(bus) == 0


async def test_known_id_whose_original_is_gone_is_never_answered_as_stored(bus: Bus, http: httpx.AsyncClient) -> None:
    """The stream remembers the id but holds nothing: that is 503, not 2xx."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    await leave_the_queue(bus, payment_id)
    answer = await http.post("/payments", json=payment(payment_id))
    assert (answer.status_code, answer.json()["error"]) == (503, "original_missing")
    assert int(answer.headers["Retry-After"]) > 0
    assert "safe" in answer.json()["detail"]


async def test_id_is_queued_once_even_when_the_server_has_forgotten_it(
    bus: Bus, nats_server: NatsServer, ingress: IngressProcess, http: httpx.AsyncClient
) -> None:
    """Beyond the window of deduplication the expected sequence still prevents storing the waiting payment twice."""
    payment_id = new_id()
    await http.post("/payments", json=payment(payment_id))
    info = await api.call(bus, f"STREAM.INFO.{subjects.PAYMENTS}")
    await api.call(bus, f"STREAM.UPDATE.{subjects.PAYMENTS}", {**info["config"], "duplicate_window": 100_000_000})
    await asyncio.sleep(0.5)
    answer = await http.post("/payments", json=payment(payment_id))
    assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (202, "true")
    assert await waiting(bus) == 1


async def test_amounts_up_to_the_maximum_are_exact(bus: Bus, http: httpx.AsyncClient) -> None:
    """What is returned is what was sent, to the cent, up to AMOUNT_MAX itself."""
    for amount in (0.01, 19.9, 100, 999_999_999.99, 1_000_000_000):
        payment_id = new_id()
        assert (await http.post("/payments", json=payment(payment_id, amount))).status_code == 202
        assert (await http.get(f"/payments/{payment_id}")).json()["amount"] == amount
