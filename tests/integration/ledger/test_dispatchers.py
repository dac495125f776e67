"""The ledger asks real dispatchers' endpoints, over a real NATS, what they have stored."""

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
from services.dispatcher.adapters.clock import SystemClock
from services.dispatcher.adapters.stored_endpoint import StoredEndpoint
from services.ledger.adapters.dispatchers import Dispatchers
from services.ledger.core.recent import Cut
from services.records.settlements import SettlementRecords

BEGAN = datetime(2025, 7, 15, 12, tzinfo=UTC)
WITHIN_S = 20.0  # a test that waits for it has failed


def pulse(owner: str) -> DispatcherPulse:
    """Return a pulse of a dispatcher with nothing to do."""
    return DispatcherPulse("one", BEGAN, 0, 0, 0.0, {}, {}, owner)


class Stored:
    """A dispatcher that has stored everything when the test says so."""

    def __init__(self, bus: Bus, last_seq: int) -> None:
        self.all = asyncio.Event()
        self.asked = asyncio.Event()
        records = SettlementRecords(bus)
        records.last_seq = last_seq
        self.endpoint = StoredEndpoint(bus, self._are_stored, records, SystemClock())

    async def _are_stored(self) -> None:
        self.asked.set()
        await self.all.wait()


Heard = Callable[[str], Awaitable[None]]


@pytest.fixture
async def dispatchers(bus: Bus) -> Dispatchers:
    """The ledger's view of the dispatchers, of which none was heard yet."""
    heard = Dispatchers(bus)
    await heard.listen()
    return heard


async def hear(bus: Bus, owner: str) -> None:
    """Have one pulse heard."""
    task = asyncio.create_task(send_pulses(bus, lambda: pulse(owner)))
    await asyncio.sleep(0)
    bus.flush()
    await bus.round_trip(WITHIN_S)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_answer_comes_when_all_is_stored(bus: Bus, dispatchers: Dispatchers) -> None:
    """Of all of them: the farthest sequence, as of the moment that was asked about."""
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
    cut = await asking
    assert cut.seq == 9
    assert cut.until_us is not None
    assert cut.until_us >= micros_of(asked_at) - 1000  # stamps are whole milliseconds


async def test_a_moment_that_another_clock_has_made_up_is_not_believed(bus: Bus, dispatchers: Dispatchers) -> None:
    """The arrival is meant then: on the dispatcher's own clock, by which its settlements are stamped."""
    only = Stored(bus, 1)
    only.all.set()
    await only.endpoint.listen("one/a")
    await hear(bus, "one/a")
    before_us = micros_of(datetime.now(UTC)) - 1000
    for asked_at in (datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=1), None):
        cut = await dispatchers.stored(asked_at, WITHIN_S)
        assert cut.until_us is not None
        assert before_us <= cut.until_us <= micros_of(datetime.now(UTC))


async def test_one_that_is_gone_is_not_waited_for(bus: Bus, dispatchers: Dispatchers) -> None:
    """The server says at once that nobody listens there; what the others know still counts, and nothing is left out."""
    only = Stored(bus, 5)
    only.all.set()
    await only.endpoint.listen("one/a")
    await hear(bus, "one/a")
    await hear(bus, "two/gone")
    assert await dispatchers.stored(None, WITHIN_S) == Cut(5, None)
    assert (await dispatchers.stored(None, WITHIN_S)).until_us is not None


async def test_one_that_does_not_answer_delays_one_summary_and_no_more(bus: Bus, dispatchers: Dispatchers) -> None:
    """It is asked again after its next pulse, which a frozen process does not send."""
    frozen = Stored(bus, 5)
    await frozen.endpoint.listen("one/a")
    await hear(bus, "one/a")
    assert await dispatchers.stored(None, 0.01) == Cut(0, None)
    assert await dispatchers.stored(None, WITHIN_S) == Cut(0, None)
    frozen.all.set()
    await hear(bus, "one/a")
    assert (await dispatchers.stored(None, WITHIN_S)).seq == 5


async def test_a_request_that_is_none_is_not_answered(bus: Bus, dispatchers: Dispatchers) -> None:
    """Nor does it harm the next one."""
    only = Stored(bus, 5)
    only.all.set()
    await only.endpoint.listen("one/a")
    await hear(bus, "one/a")
    bus.publish(subjects.dispatcher_stored("one/a"), b"nonsense")
    bus.publish(subjects.dispatcher_stored("one/a"), b'{"askedAt": "2025-01-01T00:00:00"}')
    assert (await dispatchers.stored(None, WITHIN_S)).seq == 5
