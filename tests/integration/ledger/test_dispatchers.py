"""The ledger asks the endpoints of real dispatchers, over a real NATS, what they have stored."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from services.bus.micro.pulse import send_pulses
from services.bus.wire.connection import Bus
from services.contracts import subjects
from services.contracts.pulse import DispatcherPulse
from services.contracts.stamp import micros_of
from services.dispatcher.adapters.clock import DispatcherClock
from services.dispatcher.adapters.stored_endpoint import StoredEndpoint
from services.ledger.adapters.dispatchers import Dispatchers
from services.ledger.core.recent_settlements import StoredUpTo
from services.records.settlements import SettlementRecords

BEGAN = datetime(2025, 7, 15, 12, tzinfo=UTC)
WITHIN_S = 20.0  # a test that waits this long has failed


def pulse(owner: str) -> DispatcherPulse:
    """Return a pulse of an idle dispatcher."""
    return DispatcherPulse("one", BEGAN, 0, 0, 0.0, {}, {}, owner)


class Stored:
    """A dispatcher that has stored everything when the test says so."""

    def __init__(self, bus: Bus, last_seq: int) -> None:
        self.all = asyncio.Event()
        self.asked = asyncio.Event()
        records = SettlementRecords(bus)
        records.last_seq = last_seq
        self.endpoint = StoredEndpoint(bus, self._are_stored, records, DispatcherClock())

    async def _are_stored(self) -> None:
        self.asked.set()
        await self.all.wait()


Heard = Callable[[str], Awaitable[None]]


@pytest.fixture
async def dispatchers(bus: Bus) -> Dispatchers:
    """The ledger's view of the dispatchers, before any pulse was received."""
    listening = Dispatchers(bus)
    await listening.listen()
    return listening


async def hear(bus: Bus, owner: str) -> None:
    """Send one pulse, and wait until it was delivered."""
    task = asyncio.create_task(send_pulses(bus, lambda: pulse(owner)))
    await asyncio.sleep(0)
    bus.flush()
    await bus.round_trip(WITHIN_S)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_answer_comes_when_all_is_stored(bus: Bus, dispatchers: Dispatchers) -> None:
    """By every dispatcher: the highest sequence, as of the moment that was asked about."""
    first, second = Stored(bus, 7), Stored(bus, 9)
    await first.endpoint.listen("one/a")
    await second.endpoint.listen("two/b")
    await hear(bus, "one/a")
    await hear(bus, "two/b")
    asked_at = datetime.now(UTC)
    asking = asyncio.create_task(dispatchers.stored(asked_at, WITHIN_S))
    await first.asked.wait()
    await second.asked.wait()
    first.all.set()
    await bus.round_trip(WITHIN_S)
    assert not asking.done()
    second.all.set()
    stored_up_to = await asking
    assert stored_up_to.seq == 9
    assert stored_up_to.until_us is not None
    assert stored_up_to.until_us >= micros_of(asked_at) - 1000  # stamps are whole milliseconds


async def test_a_moment_of_another_clock_is_replaced_by_the_arrival(bus: Bus, dispatchers: Dispatchers) -> None:
    """The request then means its arrival, on the dispatcher's own clock, which stamps its settlements."""
    only = Stored(bus, 1)
    only.all.set()
    await only.endpoint.listen("one/a")
    await hear(bus, "one/a")
    before_us = micros_of(datetime.now(UTC)) - 1000
    for asked_at in (datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=1), None):
        stored_up_to = await dispatchers.stored(asked_at, WITHIN_S)
        assert stored_up_to.until_us is not None
        assert before_us <= stored_up_to.until_us <= micros_of(datetime.now(UTC))


async def test_a_stopped_dispatcher_is_not_waited_for(bus: Bus, dispatchers: Dispatchers) -> None:
    """The server reports at once that nobody listens; the others' answers still count, and nothing is left out."""
    only = Stored(bus, 5)
    only.all.set()
    await only.endpoint.listen("one/a")
    await hear(bus, "one/a")
    await hear(bus, "two/gone")
    assert await dispatchers.stored(None, WITHIN_S) == StoredUpTo(5, None)
    assert (await dispatchers.stored(None, WITHIN_S)).until_us is not None


async def test_a_dispatcher_that_does_not_answer_delays_only_one_summary(bus: Bus, dispatchers: Dispatchers) -> None:
    """It is asked again only after its next pulse, which a frozen process does not send."""
    frozen = Stored(bus, 5)
    await frozen.endpoint.listen("one/a")
    await hear(bus, "one/a")
    assert await dispatchers.stored(None, 0.01) == StoredUpTo(0, None)
    assert await dispatchers.stored(None, WITHIN_S) == StoredUpTo(0, None)
    frozen.all.set()
    await hear(bus, "one/a")
    assert (await dispatchers.stored(None, WITHIN_S)).seq == 5


async def test_an_invalid_request_is_not_answered(bus: Bus, dispatchers: Dispatchers) -> None:
    """The next one is."""
    only = Stored(bus, 5)
    only.all.set()
    await only.endpoint.listen("one/a")
    await hear(bus, "one/a")
    bus.publish(subjects.dispatcher_stored("one/a"), b"nonsense")
    bus.publish(subjects.dispatcher_stored("one/a"), b'{"askedAt": "2025-01-01T00:00:00"}')
    assert (await dispatchers.stored(None, WITHIN_S)).seq == 5
