"""Sampling with a clock that the test controls: what is stored, and what is left out because it would be wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from services.contracts.history import VitalsSampled
from services.contracts.pulse import Pulse
from services.contracts.stamp import micros_of
from services.ledger.core.samples import Samples
from services.ledger.flow.sampling import Sampler
from services.overview.core.vitals import Backlog, Vitals
from tests.unit.ledger.fakes import StillClock
from tests.unit.overview.pulses import PROCESSORS, TOTALS, dispatcher, ingress, ledger

START = datetime(2025, 8, 1, 12, tzinfo=UTC)
SECOND_US = 1_000_000
ALMOST_US = 9_999_900  # just before a sample is due, so that nothing sleeps


class FakeVitalsSource:
    """The pulses received until the sampler asks for the backlog; then that much time has passed."""

    def __init__(self, clock: StillClock) -> None:
        self.clock = clock
        self.to_come: list[list[Pulse]] = []
        self.waiting: Backlog | None = Backlog(3, 0.5, 100)
        self.late_us = 100
        self.receive: Callable[[Pulse], None] | None = None
        self.ended = asyncio.Event()

    @asynccontextmanager
    async def pulses(self, receive: Callable[[Pulse], None]) -> AsyncIterator[None]:
        """Pass the test's pulses to the sampler."""
        self.receive = receive
        yield
        self.receive = None

    async def backlog(self) -> Backlog | None:
        """Let ten seconds pass in which these pulses came."""
        if not self.to_come:
            self.ended.set()
            await asyncio.Event().wait()
        assert self.receive is not None
        for pulse in self.to_come.pop(0):
            self.clock.s += 1
            self.receive(pulse)
        self.clock.us += self.late_us
        return self.waiting


class Kept:
    """A stream of samples that the test fills and reads."""

    def __init__(self, *before: VitalsSampled) -> None:
        self.before = before
        self.stored_now: list[VitalsSampled] = []
        self.clock: StillClock | None = None

    async def stored(self) -> AsyncIterator[VitalsSampled]:
        """Yield what was stored before."""
        for sample in self.before:
            yield sample

    async def store(self, sample: VitalsSampled) -> None:
        """Store it; the next one is due at once."""
        self.stored_now.append(sample)
        assert self.clock is not None
        self.clock.us += 10 * SECOND_US - 200


class Stage:
    """A sampler whose first sample is due ten seconds after START."""

    def __init__(self, *before: VitalsSampled) -> None:
        self.clock = StillClock()
        self.clock.us = micros_of(START) + ALMOST_US
        self.source = FakeVitalsSource(self.clock)
        self.kept = Kept(*before)
        self.kept.clock = self.clock
        self.samples = Samples()

    async def run(self, *pulses: list[Pulse]) -> list[VitalsSampled]:
        """Take one sample per list of pulses; return what was stored."""
        self.source.to_come = list(pulses)
        sampler = Sampler(self.source, partial(Vitals, PROCESSORS), self.samples, self.kept, self.clock)
        task = asyncio.create_task(sampler.run())
        await self.source.ended.wait()
        task.cancel()
        return self.kept.stored_now


def ten_seconds(begin: int, per_s: int) -> list[Pulse]:
    """Return the pulses of ten seconds in which payments are accepted at that rate, each answered within 2 ms."""
    pulses: list[Pulse] = []
    for second in range(1, 11):
        count = begin + second * per_s
        pulses += [ingress(count, *([1.8] * count)), dispatcher(), ledger(TOTALS)]
    return pulses


async def test_each_sample_equals_what_the_page_showed_at_its_time() -> None:
    """At round times; unknown values are marked as unknown."""
    stored = await Stage().run([], ten_seconds(0, 3), ten_seconds(30, 3))
    first, second, third = stored
    assert first == VitalsSampled(START + timedelta(seconds=10), None, None, None, 3, 0)
    assert second.at == START + timedelta(seconds=20)
    assert third.at == START + timedelta(seconds=30)
    assert third.accepted_per_s is not None
    assert third.p99_ms == pytest.approx(2.0, abs=0.5)
    assert third.backlog == 3


async def test_a_backlog_that_nats_does_not_report_is_unknown_and_a_problem() -> None:
    """The plot has a gap there, marked as a problem."""
    stage = Stage()
    stage.source.waiting = None
    stage.clock.s += 100
    [sample] = await stage.run(ten_seconds(0, 1))
    assert sample.backlog is None
    assert sample.troubles > 0


async def test_a_sample_that_is_late_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """After a freeze it would describe other seconds than its time says."""
    stage = Stage()
    stage.source.late_us = 10 * SECOND_US
    stored = await stage.run([])
    assert stored == []
    assert len(stage.samples) == 0
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == ["ledger.sample_missed"]


async def test_earlier_samples_are_read_again_after_a_start() -> None:
    """From the stream, together with those taken meanwhile."""
    before = VitalsSampled(START - timedelta(hours=3), 5.0, 1.0, 2.0, 0, 0)
    stage = Stage(before)
    [now] = await stage.run([])
    end_us = micros_of(START) + 10 * SECOND_US
    assert stage.samples.between(end_us - 4 * 3_600 * SECOND_US, end_us) == [before, now]
