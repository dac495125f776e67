"""The bucket of processors on a real server: seeded by settings, changed by operators, followed by every dispatcher."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec.structs import replace

from services.bus.jetstream.state import stream_state
from services.bus.jetstream.streams import StreamLimits
from services.bus.wire.connection import Bus
from services.contracts.assignments import Line, TurnAssigned
from services.contracts.processor import Processor
from services.contracts.processor_entry import ProcessorGeneration, moved
from services.dispatcher.adapters import processor_registry as registry_module
from services.dispatcher.adapters.processor_registry import ProcessorRegistry
from services.dispatcher.core.assignment_log import AssignmentLog
from services.records.assignments import AssignmentStream, read_up
from services.records.processors import ProcessorBucket
from tests.nats_server import until

DEFAULT = Processor("default", "http://127.0.0.1:8001", Decimal("0.05"))
FALLBACK = Processor("fallback", "http://127.0.0.1:8002", Decimal("0.15"))
ELSEWHERE = Processor("default", "http://127.0.0.1:9001", Decimal("0.05"))
ID = "00000000-0000-4000-8000-000000000001"


@dataclass
class Watching:
    """What one dispatcher knows of the processors, and the changes that it received."""

    registry: ProcessorRegistry
    log: AssignmentLog
    changes: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def states(self) -> list[tuple[str, str]]:
        """Return each generation with its state."""
        return [(each.generation, each.state) for each in self.registry.generations]


async def nothing_doubtful() -> bool:
    """Return that the store never went back."""
    return False


@asynccontextmanager
async def watching(bus: Bus, *processors: Processor) -> AsyncIterator[Watching]:
    """Seed, follow and maintain the bucket as a dispatcher does."""
    log, assignments, changes = AssignmentLog(), AssignmentStream(bus, "dispatcher-1"), []

    def changed(generations: Sequence[ProcessorGeneration]) -> None:
        changes.append(tuple(each.generation for each in generations))

    registry = ProcessorRegistry(bus, assignments, log, changed, nothing_doubtful)
    following = assignments.follower(log.read)
    await registry.seed(processors)
    tasks = [asyncio.create_task(work) for work in (following.run(), registry.run(), registry.maintain())]
    await read_up(following)
    try:
        yield Watching(registry, log, changes)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def test_the_settings_seed_the_bucket_and_the_same_settings_change_nothing(
    bus: Bus, streams: StreamLimits
) -> None:
    """Cheapest first; a second dispatcher writes nothing."""
    async with watching(bus, DEFAULT, FALLBACK) as first:
        assert first.states == [("default/1", "open"), ("fallback/1", "open")]
        before = await ProcessorBucket(bus).read()
        async with watching(bus, DEFAULT, FALLBACK):
            assert await ProcessorBucket(bus).read() == before


async def test_running_dispatchers_follow_what_another_was_started_with(bus: Bus, streams: StreamLimits) -> None:
    """Two with different settings cannot disagree: the earlier generation is closed in the log, for both."""
    async with watching(bus, DEFAULT, FALLBACK) as running, watching(bus, ELSEWHERE, FALLBACK) as newer:
        expected = [("default/2", "open"), ("fallback/1", "open")]
        await until(lambda: newer.states == running.states == expected, "both know, and the old one is drained")
        assert running.log.closed == {"default/1"}


async def test_a_closed_generation_is_kept_as_long_as_a_line_names_it(bus: Bus, streams: StreamLimits) -> None:
    """Its URL stays for those that inherit its payments; then it is removed."""
    async with watching(bus, DEFAULT) as running:
        lines = (Line(ID, 1, "default/1"),)
        assert await AssignmentStream(bus, "dispatcher-1").publish(TurnAssigned("dispatcher-1/x", 1, lines))
        await until(lambda: running.log.view(ID) is not None, "the line is read")
        async with watching(bus, ELSEWHERE):
            await until(lambda: ("default/2", "open") in running.states, "the new URL is known")
            await asyncio.sleep(registry_module.MAINTAIN_EVERY_S * 1.5)
            assert [each.url for each in running.registry.generations if each.generation == "default/1"] == [
                DEFAULT.url
            ]
        running.log.settled(ID)
        await until(lambda: running.states == [("default/2", "open")], "it is done")


async def test_a_removed_processor_gets_nothing_new_and_its_place_stays_for_its_payments(
    bus: Bus, streams: StreamLimits
) -> None:
    """It is closing, not gone."""
    async with watching(bus, DEFAULT, FALLBACK) as running:
        lines = (Line(ID, 1, "fallback/1"),)
        assert await AssignmentStream(bus, "dispatcher-1").publish(TurnAssigned("dispatcher-1/x", 1, lines))
        await until(lambda: running.log.view(ID) is not None, "the line is read")
        async with watching(bus, DEFAULT):
            expected = [("default/1", "open"), ("fallback/1", "closing")]
            await until(lambda: running.states == expected, "it is closing")


async def test_a_generation_that_was_closed_halfway_is_renewed(bus: Bus, streams: StreamLimits) -> None:
    """The closing process died before it wrote the bucket: payments go there again, as another generation."""
    async with watching(bus, DEFAULT) as running:
        await AssignmentStream(bus, "dispatcher-1").close_generation("default/1")
        await until(lambda: running.states == [("default/2", "open")], "the next generation")
        assert running.registry.generations[0].url == DEFAULT.url


async def test_an_operators_move_reaches_running_dispatchers_and_a_restart_keeps_it(
    bus: Bus, streams: StreamLimits
) -> None:
    """The same generation at another address; nothing is closed."""
    async with watching(bus, DEFAULT) as running:
        entry = await ProcessorBucket(bus).change("default", lambda known: known and moved(known, ELSEWHERE.url))
        assert entry is not None
        await until(lambda: running.registry.generations[0].url == ELSEWHERE.url, "it is called there")
        async with watching(bus, DEFAULT) as again:
            assert again.states == [("default/1", "open")]
            assert again.registry.generations[0].url == ELSEWHERE.url
    assert (await stream_state(bus, "ASSIGNMENTS")).messages == 0


async def test_many_changes_at_once_are_all_kept(bus: Bus, streams: StreamLimits) -> None:
    """By compare-and-set."""
    bucket = ProcessorBucket(bus)
    async with watching(bus, DEFAULT):

        async def add() -> None:
            await bucket.change("default", lambda known: known and replace(known, order=known.order + 1))

        await asyncio.gather(*(add() for _ in range(5)))
        assert (await bucket.read())["default"].entry.order == 5
