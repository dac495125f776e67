"""Log lines: events of each payment are counted, and a lasting failure is logged once."""

import logging

import pytest

from services import log_throttle
from services.log_throttle import CountedLog, FailureLog
from tests.nats_server import until

log = logging.getLogger("tarifa.test")


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[tuple[str, int | None, str | None]]:
    """Return event, count and id of the lines at or above a level."""
    return [
        (record.message, getattr(record, "count", None), getattr(record, "id", None))
        for record in caplog.records
        if record.levelno >= level
    ]


def test_a_failure_is_logged_when_it_begins_changes_and_begins_again(caplog: pytest.LogCaptureFixture) -> None:
    """While it lasts nothing more is logged."""
    failures = FailureLog(log, "thing.not_open")
    for error in ("away", "away", "refused", "refused"):
        failures.failed(error, stream="S")
    failures.succeeded()
    failures.failed("refused")
    assert [record.error for record in caplog.records] == ["away", "refused", "refused"]  # type: ignore[attr-defined]
    assert {record.message for record in caplog.records} == {"thing.not_open"}


async def test_the_first_event_is_logged_at_once_and_the_rest_as_a_count(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five hundred payments are two lines; the second has the number and the newest id."""
    monkeypatch.setattr(log_throttle, "COUNTED_S", 0.05)
    counted = CountedLog(log)
    for number in range(500):
        counted.log(logging.WARNING, "payment.unknown", "default", id=str(number))
    assert lines(caplog) == [("payment.unknown", 1, "0")]
    await until(lambda: len(lines(caplog)) > 1)
    assert lines(caplog) == [("payment.unknown", 1, "0"), ("payment.unknown", 499, "499")]


async def test_after_a_quiet_window_the_next_event_is_logged_at_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window without events ends without a line."""
    monkeypatch.setattr(log_throttle, "COUNTED_S", 0.01)
    counted = CountedLog(log)
    counted.log(logging.WARNING, "payment.unknown", "default", id="a")
    await until(lambda: not counted._windows)
    counted.log(logging.WARNING, "payment.unknown", "default", id="b")
    assert lines(caplog) == [("payment.unknown", 1, "a"), ("payment.unknown", 1, "b")]


async def test_processors_and_events_are_counted_apart(caplog: pytest.LogCaptureFixture) -> None:
    """A line about one does not suppress another's."""
    counted = CountedLog(log)
    counted.log(logging.WARNING, "payment.unknown", "default", id="a")
    counted.log(logging.WARNING, "payment.unknown", "fallback", id="b")
    counted.log(logging.ERROR, "payment.refused", "default", id="c")
    assert [found for *_, found in lines(caplog)] == ["a", "b", "c"]


async def test_at_debug_each_event_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Following a single payment needs its own line."""
    caplog.set_level(logging.DEBUG, logger=log.name)
    counted = CountedLog(log)
    for number in range(3):
        counted.log(logging.WARNING, "payment.unknown", "default", id=str(number))
    each = [record.id for record in caplog.records if record.levelno == logging.DEBUG]  # type: ignore[attr-defined]
    assert each == ["0", "1", "2"]
