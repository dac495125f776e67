"""When payments are fetched: one pull at a time, no more than can start, and a rest between two."""

import asyncio

import pytest

from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow import scheduler as scheduler_module
from services.dispatcher.flow.scheduler import Scheduler
from tests.unit.dispatcher.fakes import DEAR, HOME, RULES, FakeClock, FakeSource


class Scheduling:
    """A scheduler with fakes around it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.source = FakeSource()
        self.traffic = Traffic((HOME, DEAR), RULES)
        self.scheduler = Scheduler(self.traffic, self.source, self.clock, lambda start: None)

    async def turn(self) -> list[int]:
        """Have a turn, and return what has been requested so far."""
        self.scheduler.wake()
        await asyncio.sleep(0)
        return self.source.asked


@pytest.fixture
def scheduling(monkeypatch: pytest.MonkeyPatch) -> Scheduling:
    """A scheduler whose rest is ended by the test's clock alone."""
    monkeypatch.setattr(scheduler_module, "REST_MS", 10_000.0)
    return Scheduling()


def test_a_processor_that_fails_is_logged_once_and_once_that_it_serves_again(
    scheduling: Scheduling, caplog: pytest.LogCaptureFixture
) -> None:
    """One line when it begins, none while it lasts, one when it is over."""
    caplog.set_level("INFO", logger="tarifa.dispatcher")
    evidence, clock = scheduling.traffic.evidence(HOME), scheduling.clock

    def look() -> list[str]:
        clock.ms += 1_000
        scheduling.scheduler._log_conditions(clock.now_ms())
        return caplog.messages

    assert look() == []
    for token in [evidence.sent(clock.now_ms()) for _ in range(3)]:
        evidence.failed(token, clock.now_ms())
    assert look() == look() == ["processor.failing"]
    evidence.answered(evidence.sent(clock.now_ms() + 1), clock.now_ms() + 2)
    assert look() == look() == ["processor.failing", "processor.serving"]


async def test_asks_for_as_many_as_could_start(scheduling: Scheduling) -> None:
    """Nothing is known of the processors: the first few may start."""
    wanted = scheduling.traffic.fetchable(scheduling.clock.now_ms())
    assert wanted > 0
    assert await scheduling.turn() == [wanted]


async def test_asks_once_until_the_pull_is_over_and_rests_then(scheduling: Scheduling) -> None:
    """What comes during the rest is fetched together."""
    assert len(await scheduling.turn()) == 1
    assert len(await scheduling.turn()) == 1
    scheduling.source.outstanding = 0
    assert len(await scheduling.turn()) == 1
    scheduling.clock.ms += 9_999
    assert len(await scheduling.turn()) == 1
    scheduling.clock.ms += 1
    assert len(await scheduling.turn()) == 2


async def test_rests_less_while_more_waits(scheduling: Scheduling) -> None:
    """Draining a backlog needs its slots filled."""
    scheduling.traffic.backlog = 1_000
    await scheduling.turn()
    scheduling.source.outstanding = 0
    await scheduling.turn()
    scheduling.clock.ms += scheduler_module.REST_WITH_BACKLOG_MS
    assert len(await scheduling.turn()) == 2


async def test_rests_also_if_the_pull_was_over_before_the_next_turn(scheduling: Scheduling) -> None:
    """With a backlog the deliveries and the end of the pull are read together, and only then is there a turn."""
    scheduling.source.outstanding = 0
    for _ in range(3):
        await scheduling.turn()
        scheduling.source.outstanding = 0
    assert len(scheduling.source.asked) == 1


async def test_the_end_of_the_rest_is_a_turn_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not wait for a tick."""
    monkeypatch.setattr(scheduler_module, "REST_MS", 1.0)
    scheduling = Scheduling()
    await scheduling.turn()
    scheduling.source.outstanding = 0
    await scheduling.turn()
    scheduling.clock.ms += 1
    async with asyncio.timeout(30):
        while len(scheduling.source.asked) < 2:  # noqa: ASYNC110  # the fake has no event
            await asyncio.sleep(0.001)


async def test_a_stopped_scheduler_asks_for_nothing(scheduling: Scheduling) -> None:
    """What came then would only have to be given back."""
    scheduling.scheduler.stop()
    assert await scheduling.turn() == []


async def test_asks_for_nothing_when_as_much_is_in_hand_as_may_be(scheduling: Scheduling) -> None:
    """The rest waits in the stream."""
    scheduling.traffic.in_hand_max = 0
    assert await scheduling.turn() == []
