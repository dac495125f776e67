"""Deleting one message of a stream."""

import pytest

from services.bus import api
from services.bus.connection import Bus
from services.bus.delete import delete_message
from services.bus.lookup import first_from, stream_state
from services.bus.publish import store
from services.bus.streams import StreamLimits


async def test_a_message_is_deleted_and_its_place_stays(bus: Bus, streams: StreamLimits) -> None:
    """The others keep their sequences, and the next one gets a new one."""
    for number in range(4):
        await store(bus, "SETTLEMENTS", f"settlements.settled.default.p{number}", b"x")
    for seq in (2, 4):
        await delete_message(bus, "SETTLEMENTS", seq)
    found = await first_from(bus, "SETTLEMENTS", 2, "settlements.>")
    assert found is not None
    assert found.seq == 3
    state = await stream_state(bus, "SETTLEMENTS")
    assert (state.messages, state.last_seq) == (2, 4)


@pytest.mark.parametrize("seq", [1, 2, 3, 99], ids=["first", "inside", "last", "beyond"])
async def test_what_is_gone_already_is_no_error(bus: Bus, streams: StreamLimits, seq: int) -> None:
    """Several may delete the same one, wherever in the stream it was."""
    for number in range(3):
        await store(bus, "SETTLEMENTS", f"settlements.settled.default.p{number}", b"x")
    await delete_message(bus, "SETTLEMENTS", seq)
    await delete_message(bus, "SETTLEMENTS", seq)
    assert (await stream_state(bus, "SETTLEMENTS")).messages == (3 if seq == 99 else 2)


async def test_what_must_not_be_deleted_is_an_error(bus: Bus, streams: StreamLimits) -> None:
    """It is still there, and the caller must know; as where there is no stream."""
    await store(bus, "KV_bindings", "$KV.bindings.p1", b"x")
    with pytest.raises(api.ApiError):
        await delete_message(bus, "KV_bindings", 1)
    with pytest.raises(api.ApiError):
        await delete_message(bus, "NONE", 1)
