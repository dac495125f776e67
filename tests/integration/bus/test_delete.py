"""Deleting one message of a stream."""

import asyncio

import pytest

from services.bus.jetstream.delete import delete_message
from services.bus.jetstream.lookup import first_from
from services.bus.jetstream.publish import store
from services.bus.jetstream.state import stream_state
from services.bus.jetstream.streams import StreamLimits
from services.bus.wire.connection import Bus


async def stored(bus: Bus, count: int) -> None:
    """Store so many messages."""
    for number in range(count):
        await store(bus, "SETTLEMENTS", f"settlements.settled.default.p{number}", b"x")


async def until_there_are(bus: Bus, count: int) -> None:
    """Wait until the server has done what it was sent before; it answers other requests meanwhile."""
    bus.flush()
    await bus.round_trip(60.0)
    async with asyncio.timeout(60.0):
        while (await stream_state(bus, "SETTLEMENTS")).messages != count:  # noqa: ASYNC110 (the server has no event for it)
            await asyncio.sleep(0.01)


async def test_a_message_is_deleted_and_its_place_stays(bus: Bus, streams: StreamLimits) -> None:
    """The others keep their sequences, and the next one gets a new one."""
    await stored(bus, 4)
    for seq in (2, 4):
        delete_message(bus, "SETTLEMENTS", seq)
    await until_there_are(bus, 2)
    found = await first_from(bus, "SETTLEMENTS", 2, "settlements.>")
    assert found is not None
    assert found.seq == 3
    assert (await stream_state(bus, "SETTLEMENTS")).last_seq == 4


@pytest.mark.parametrize("seq", [1, 2, 3, 99], ids=["first", "inside", "last", "beyond"])
async def test_deleting_twice_is_harmless(bus: Bus, streams: StreamLimits, seq: int) -> None:
    """Several may delete the same message, wherever in the stream it was."""
    await stored(bus, 3)
    delete_message(bus, "SETTLEMENTS", seq)
    delete_message(bus, "SETTLEMENTS", seq)
    await until_there_are(bus, 3 if seq == 99 else 2)
