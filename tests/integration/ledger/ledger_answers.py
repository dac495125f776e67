"""Settlements of every kind, and all that a ledger answers about them: equal after a snapshot and after a replay."""

import asyncio
import signal
from datetime import UTC, datetime
from typing import Any

from services.bus.jetstream import api
from services.bus.jetstream.publish import StoredAt, store
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.events import PaymentRefused, Settlement, SettlementsCleared
from services.contracts.money import Cents
from tests.integration.ledger.ledger_process import (
    START,
    LedgerProcess,
    payment_id,
    publish,
    settled,
    state,
    totals,
)
from tests.nats_server import PATIENCE_S, until

CLEARED = SettlementsCleared(datetime(2025, 8, 1, 13, tzinfo=UTC))
PROCESSORS = ("default", "fallback", "third")
OF_SNAPSHOTS = {"memoryBytes", "reread", "snapshotSeq", "snapshotsRefused", "snapshotsFailed"}
PERIODS = (
    b"{}",
    b'{"from": "2025-08-01T12:00:00.100Z", "to": "2025-08-01T12:00:00.777Z"}',
    b'{"from": "2025-08-01T12:00:01Z"}',
    b'{"to": "2025-08-01T12:00:01.5Z"}',
)


def refused(number: int) -> PaymentRefused:
    """Return a refusal of the payment with that number."""
    return PaymentRefused(payment_id(number), Cents(1990), "default", "no", START, number + 1)


def mixed(first: int, count: int) -> list[Settlement]:
    """Return settlements, among them repeats, conflicts, refusals, and settlements of refused payments."""
    events: list[Settlement] = []
    for number in range(first, first + count):
        event = settled(number, PROCESSORS[number % 3], number + 1)
        events.append(refused(number) if number % 50 == 7 else event)
        if number % 40 == 3:
            events.append(event)
        if number % 60 == 5:
            events.append(settled(number, "elsewhere"))
        if number % 100 == 7:
            events.append(settled(number, "fallback", 5))
    return events


async def publish_in_order(bus: Bus, events: list[Settlement]) -> int:
    """Store them in exactly this order; return the last one's sequence."""
    for event in events[:-1]:
        await publish(bus, [event])
    return await publish(bus, events[-1:])


async def store_junk(bus: Bus) -> int:
    """Store a message that is not an event; return its sequence."""
    stored = await store(bus, subjects.SETTLEMENTS, subjects.settled("default", "x"), b"not JSON")
    assert isinstance(stored, StoredAt)
    return stored.seq


async def snapshot_stored(bus: Bus, seq: int) -> None:
    """Wait until a snapshot covers that sequence."""

    async def is_snapshot_stored() -> bool:
        return bool((await state(bus))["snapshotSeq"] >= seq)

    await until(is_snapshot_stored, "the snapshot")


async def all_answers(bus: Bus, ledger: LedgerProcess, after: int) -> dict[str, Any]:
    """Return every answer that must not depend on how the ledger started, and the conflicts after a sequence."""
    answers = {key: value for key, value in (await state(bus)).items() if key not in OF_SNAPSHOTS}
    answers |= {asked.decode(): await totals(bus, asked) for asked in PERIODS}
    conflicts = [line for line in ledger.logged("ledger.conflict") if line["seq"] > after]
    return answers | {"conflict lines": [{key: line[key] for key in ("seq", "found", "given")} for line in conflicts]}


async def answers_of_a_full_replay(bus: Bus, ledger: LedgerProcess, after: int) -> dict[str, Any]:
    """Return what a ledger without a snapshot answers."""
    ledger.end(signal.SIGKILL)
    await api.call(bus, f"STREAM.PURGE.{subjects.LEDGER_SNAPSHOTS}")
    await ledger.start_ready()
    assert ledger.logged("ledger.no_snapshot")
    return await all_answers(bus, ledger, after)


async def until_reconnected(bus: Bus) -> None:
    """Wait until a round trip succeeds."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await bus.round_trip(1)
            except BusUnavailableError:
                await asyncio.sleep(0.01)
            else:
                return
