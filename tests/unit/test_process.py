"""What the services' processes share: the first request to NATS, repeated until it is answered, and the log's level."""

import asyncio
import logging

import pytest

from services import process as running
from services.bus.wire.connection import BusUnavailableError
from services.process import log_level, retry_until_answered
from services.settings.environment import SettingError


async def test_the_request_is_repeated_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as needed."""
    monkeypatch.setattr(running, "ASK_AGAIN_AFTER_S", 0.0)
    answers = iter([BusUnavailableError("no leader"), BusUnavailableError("no leader"), None])

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
        raise BusUnavailableError("no leader")

    assert not await retry_until_answered(ask, stop)
    assert not await retry_until_answered(ask, stop)


@pytest.mark.parametrize(
    ("text", "level"),
    [("", logging.INFO), ("debug", logging.DEBUG), (" WARN ", logging.WARNING), ("Critical", logging.CRITICAL)],
)
def test_the_level_is_one_of_pythons_in_any_case(text: str, level: int) -> None:
    """Unset and empty are INFO."""
    assert log_level({"LOG_LEVEL": text}) == level
    assert log_level({}) == logging.INFO


@pytest.mark.parametrize("text", ["LOUD", "10", "INFO,DEBUG"])
def test_another_level_is_refused_with_those_that_there_are(text: str) -> None:
    """The sentence names the variable and every allowed value."""
    with pytest.raises(SettingError) as refused:
        log_level({"LOG_LEVEL": text})
    allowed = "DEBUG, INFO, WARNING, WARN, ERROR, CRITICAL, FATAL or NOTSET"
    assert str(refused.value) == f"LOG_LEVEL must be {allowed}, not {text!r}"
