"""A service whose answers take long: one request does not delay the next."""

import asyncio

import pytest

from services.bus.micro.ask import NotAnsweredError, ask
from services.bus.micro.service import SIDE_BY_SIDE_MAX, About, CannotAnswerError, serve
from services.bus.wire.connection import Bus
from tests.nats_server import PATIENCE_S

ABOUT = {"slow.answer": About("answers when all are there", takes_long=True)}


async def test_requests_are_answered_side_by_side(bus: Bus) -> None:
    """As many as allowed, each answered only when all of them have arrived."""
    all_there = asyncio.Barrier(SIDE_BY_SIDE_MAX)

    async def answer(data: bytes) -> bytes:
        await all_there.wait()
        if data == b"0":
            raise CannotAnswerError(503, "not now")
        return data

    await serve(bus, "slow", "a test's", {"slow.answer": answer}, ABOUT)
    asked = [ask(bus, "slow.answer", str(number).encode(), PATIENCE_S) for number in range(SIDE_BY_SIDE_MAX)]
    refused, *answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers == [str(number).encode() for number in range(1, SIDE_BY_SIDE_MAX)]
    with pytest.raises(NotAnsweredError, match="not now"):
        raise refused  # type: ignore[misc]
