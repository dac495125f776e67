"""Payments settled, refused or out of the queue, as the other services would leave them."""

from datetime import UTC, datetime

from services.bus.jetstream import api
from services.bus.jetstream.lookup import last_for
from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.state import stream_state
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.events import PaymentRefused, PaymentSettled, encode
from services.contracts.money import Cents

REQUESTED_AT = datetime(2025, 7, 15, 12, 34, 56, 789_000, tzinfo=UTC)
ACCEPTED_AT = datetime(2025, 7, 15, 12, 34, 56, tzinfo=UTC)


async def leave_the_queue(bus: Bus, payment_id: str) -> int:
    """Delete the payment's message from PAYMENTS, as an ack does; return its sequence."""
    found = await last_for(bus, subjects.PAYMENTS, subjects.accepted(payment_id))
    assert found is not None
    await api.call(bus, f"STREAM.MSG.DELETE.{subjects.PAYMENTS}", {"seq": found.seq})
    return found.seq


async def settle(bus: Bus, payment_id: str, cents: int = 1990) -> None:
    """Settle the payment."""
    seq = await leave_the_queue(bus, payment_id)
    event = PaymentSettled(payment_id, Cents(cents), "fallback", REQUESTED_AT, ACCEPTED_AT, seq)
    subject = subjects.settled("fallback", payment_id)
    assert isinstance(await store(bus, subjects.SETTLEMENTS, subject, encode(event)), StoredAt)


async def refuse(bus: Bus, payment_id: str) -> None:
    """Refuse the payment."""
    seq = await leave_the_queue(bus, payment_id)
    event = PaymentRefused(payment_id, Cents(1990), "default", "no such account", ACCEPTED_AT, seq)
    subject = subjects.refused("default", payment_id)
    assert isinstance(await store(bus, subjects.SETTLEMENTS, subject, encode(event)), StoredAt)


async def waiting(bus: Bus) -> int:
    """Return how many payments wait."""
    return (await stream_state(bus, subjects.PAYMENTS)).messages
