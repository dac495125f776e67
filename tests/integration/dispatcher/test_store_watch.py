"""Whether the store is still the one that was read."""

import asyncio

import pytest

from services.bus.jetstream.state import StreamState, stream_state
from services.bus.jetstream.streams import StreamLimits
from services.bus.wire.connection import Bus
from services.contracts.store_errors import StoreWentBackError
from services.dispatcher.adapters import store_watch
from services.dispatcher.adapters.clock import DispatcherClock
from services.dispatcher.adapters.store_watch import StoreWatch, mark_store
from services.records.doubt import SINCE, read_marks


class Known:
    """How far this process knows SETTLEMENTS."""

    settlements_to = 0


def watch_of(bus: Bus, known: Known) -> StoreWatch:
    """Return the watch of a process that knows that much."""
    return StoreWatch(
        bus,
        is_synced=True,
        books_within_s=1,
        repeated_within_s=1,
        clock=DispatcherClock(),
        lines_read=lambda: 0,
        settlements_to=lambda: known.settlements_to,
        payments_to=lambda: 0,
    )


async def test_a_stream_that_ends_before_what_is_known_of_it_went_back(bus: Bus, streams: StreamLimits) -> None:
    """Settlements that were stored are missing."""
    known = Known()
    known.settlements_to = 1
    with pytest.raises(StoreWentBackError):
        await watch_of(bus, known).meet()


async def test_what_is_stored_during_the_check_does_not_count_as_going_back(
    bus: Bus, streams: StreamLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a reconnect, settlements are stored while the streams are asked how long they are."""
    known = Known()

    async def looked(bus: Bus, stream: str) -> StreamState:
        state = await stream_state(bus, stream)
        known.settlements_to += 1
        return state

    monkeypatch.setattr(store_watch, "stream_state", looked)
    await watch_of(bus, known).meet()


async def test_a_dispatcher_that_is_stopped_first_marks_that_the_store_went_back(
    bus: Bus, streams: StreamLimits
) -> None:
    """The process that starts next has read nothing, and would treat what waits as never sent."""
    stop = asyncio.Event()
    stop.set()
    await mark_store(bus, DispatcherClock(), stop)
    assert SINCE in await read_marks(bus)
