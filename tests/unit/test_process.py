"""A service repeats its first request to NATS until it is answered, or until the service stops."""

import asyncio

import pytest

from services import process as running
from services.bus.wire.connection import BusAwayError
from services.process import retry_until_answered


async def test_the_request_is_repeated_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as needed."""
    monkeypatch.setattr(running, "ASK_AGAIN_AFTER_S", 0.0)
    answers = iter([BusAwayError("no leader"), BusAwayError("no leader"), None])

    async def ask() -> None:
        answer = next(answers)
        if answer is not None:
            raise answer

    assert await retry_until_answered(ask, asyncio.Event())
    assert list(answers) == []


async def test_a_stop_ends_the_requests() -> None:
    """At once, and before the first request if the stop came first."""
    stop = asyncio.Event()

    async def ask() -> None:
        stop.set()
        raise BusAwayError("no leader")

    assert not await retry_until_answered(ask, stop)
    assert not await retry_until_answered(ask, stop)
