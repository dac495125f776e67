"""Pulses on a real NATS: sent at a fixed interval to all that subscribe, and none stored to be sent later."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.state import waiting
from services.bus.jetstream.streams import StreamLimits
from services.bus.micro import pulse
from services.bus.micro.pulse import send_pulses
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.pulse import LedgerPulse, decode
from tests.nats_server import NatsServer, until

BEGAN = datetime(2025, 7, 15, 12, tzinfo=UTC)


class Counted:
    """A pulse that has its own number."""

    def __init__(self) -> None:
        self.said = 0

    def read(self) -> LedgerPulse:
        """Return the next."""
        self.said += 1
        return LedgerPulse("one", BEGAN, self.said, 0, None)


async def test_pulses_are_received_and_those_of_an_outage_are_not_sent_later(
    bus: Bus, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counters only grow: the first pulse after an outage has the counts of the lost ones."""
    monkeypatch.setattr(pulse, "PULSE_EVERY_S", 0.1)
    heard: list[int] = []
    await bus.listen(subjects.pulse("ledger", "one"), lambda data: heard.append(_number(data)))
    counted = Counted()
    task = asyncio.create_task(send_pulses(bus, counted.read))
    await until(lambda: len(heard) >= 2, "two pulses")
    assert heard[:2] == [1, 2]
    nats_server.kill()
    await until(lambda: not bus.is_connected, "the loss of the connection")
    lost = counted.said + 1
    await until(lambda: counted.said > lost, "pulses that are lost")
    nats_server.start()
    await until(lambda: bus.is_connected and heard[-1] > lost, "a pulse after the outage")
    assert lost not in heard
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _number(data: bytes) -> int:
    pulse = decode(data)
    assert isinstance(pulse, LedgerPulse)
    return pulse.conflicts


async def test_what_a_stream_holds_and_since_when(bus: Bus, streams: StreamLimits) -> None:
    """No age if it is empty; otherwise that of the oldest message, delivered or not."""
    assert (await waiting(bus, subjects.PAYMENTS)).oldest_at is None
    before = datetime.now(UTC)
    for name in ("a", "b"):
        assert isinstance(await store(bus, subjects.PAYMENTS, subjects.accepted(name), b"x"), StoredAt)
    found = await waiting(bus, subjects.PAYMENTS)
    assert found.messages == 2
    assert found.oldest_at is not None
    assert before <= found.oldest_at <= datetime.now(UTC)
