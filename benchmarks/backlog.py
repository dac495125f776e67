"""Payments that wait: PaymentAccepted in PAYMENTS, stored as ingress stores it, but many at a time."""

import logging
import uuid
from datetime import UTC, datetime

from sandbox.stack import Stack
from services.bus.jetstream.publish import StoredAt, store
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.events import PaymentAccepted, encode
from services.contracts.money import Cents

TOGETHER = 500
SAID_EVERY = 100_000


async def fill(stack: Stack, count: int) -> None:
    """Store so many more; raises RuntimeError where the stream does not take them all."""
    logging.getLogger("tarifa.bus").setLevel(logging.ERROR)  # that it disconnects at the end is no news here
    bus = await Bus.connect(stack.nats_url, "benchmark", credentials=stack.bus_credentials)
    try:
        for done in range(0, count, TOGETHER):
            await _some(bus, min(TOGETHER, count - done))
            if done and done % SAID_EVERY == 0:
                print(f"\r{done:>12,} waiting", end="", flush=True)
    finally:
        await bus.close()
    if count > SAID_EVERY:
        print(end="\r")


async def _some(bus: Bus, count: int) -> None:
    for number in range(count):
        event = PaymentAccepted(str(uuid.uuid4()), Cents(1_990), datetime.now(UTC))
        subject, data = subjects.accepted(event.id), encode(event)
        if number < count - 1:  # only the last is awaited: the server takes those of one connection in their order
            headers = {"Nats-Msg-Id": event.id, "Nats-Expected-Last-Subject-Sequence": "0"}
            bus.publish(subject, data, headers=headers)
        elif not isinstance(
            result := await store(
                *(bus, subjects.PAYMENTS, subject, data), message_id=event.id, expected_last=0, timeout_s=30
            ),
            StoredAt,
        ):
            raise RuntimeError(f"{result}, where a payment should be stored")
