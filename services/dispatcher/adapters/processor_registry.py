"""The processors that charge, from the bucket ``processors``, which every running dispatcher follows.

The settings seed the bucket at the start. A generation is closed in the log before its entry changes, so that a
dispatcher which has not read the change sends nothing new there; it is removed when no unsettled line names it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from services.bus.jetstream.api import ApiError
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts.assignments import processor_of
from services.contracts.processor import Processor
from services.contracts.processor_entry import (
    Entries,
    ProcessorEntry,
    ProcessorGeneration,
    closes,
    drained,
    generation_of,
    generations_in,
    removed,
    renewed,
    seeded,
)
from services.dispatcher.core.assignment_log import AssignmentLog
from services.log_throttle import FailureLog
from services.records.assignments import AssignmentStream
from services.records.processors import ProcessorBucket, entries_of

MAINTAIN_EVERY_S = 2.0

Change = Callable[[ProcessorEntry | None], ProcessorEntry | None]

log = logging.getLogger("tarifa.dispatcher")


class ProcessorRegistry:
    """The generations that charge; ``changed`` is called with all of them whenever one of them changes.

    Args:
        bus: the connection.
        assignments: where generations are closed.
        log_read: the log as far as it was read.
        changed: called with the generations.
        is_asked: whether every generation may still have to be asked about a payment, even if no line names it: the
            store went back in time, and has lost the lines.
    """

    def __init__(
        self,
        bus: Bus,
        assignments: AssignmentStream,
        log_read: AssignmentLog,
        changed: Callable[[Sequence[ProcessorGeneration]], None],
        is_asked: Callable[[], Awaitable[bool]],
    ) -> None:
        self._bucket = ProcessorBucket(bus)
        self._assignments = assignments
        self._log_read = log_read
        self._changed = changed
        self._is_asked = is_asked
        self._entries: dict[str, ProcessorEntry] = {}
        self._following = self._bucket.follower(self._entry_changed)
        self._not_maintained = FailureLog(log, "processors.not_maintained")
        self.generations: tuple[ProcessorGeneration, ...] = ()

    async def seed(self, processors: Sequence[Processor]) -> None:
        """Write the processors of the settings, and remove those that are no longer in them; then know all generations.

        Raises:
            BusUnavailableError: the bucket or the log does not answer.
        """
        wanted = {processor.name: (order, processor) for order, processor in enumerate(processors)}
        for name in dict.fromkeys((*wanted, *await self._bucket.read())):
            await self._change(name, _wanted(wanted[name]) if name in wanted else _removed)
        self._set(entries_of(await self._bucket.read()))

    async def run(self) -> None:
        """Follow the bucket until cancelled."""
        await self._following.run()

    async def maintain(self) -> None:
        """Finish periodically what a change has left, until cancelled."""
        while True:
            await asyncio.sleep(MAINTAIN_EVERY_S)
            try:
                await self._renew_closed()
                await self._forget_drained()
            except (ApiError, BusUnavailableError) as error:
                self._not_maintained.failed(str(error))
            else:
                self._not_maintained.succeeded()

    async def _change(self, name: str, wanted: Change) -> None:
        known = entries_of(await self._bucket.read()).get(name)
        after = wanted(known)
        number = None if after is None else closes(known, after)
        if number is not None:
            await self._assignments.close_generation(generation_of(name, number))
            log.warning("processor.generation_closed", extra={"processor": name, "generation": number})
        await self._bucket.change(name, wanted)

    async def _renew_closed(self) -> None:
        """Renew an entry that still charges although its generation is closed: a change stopped halfway."""
        for each in self.generations:
            if each.state != "closing" and each.generation in self._log_read.closed:
                await self._bucket.change(each.name, partial(_renewed, each.generation))

    async def _forget_drained(self) -> None:
        named = {view.generation for _, view in self._log_read.views()}
        done = [each for each in self.generations if each.state == "closing" and each.generation not in named]
        if done and not await self._is_asked():
            for each in (each for each in done if each.generation in self._log_read.closed):
                number = each.generation.rpartition("/")[2]
                await self._bucket.change(each.name, partial(_drained, number))
                log.info("processor.generation_done", extra={"processor": each.name, "generation": number})

    def _entry_changed(self, name: str, entry: ProcessorEntry) -> None:
        if self._entries.get(name) != entry:
            self._set({**self._entries, name: entry})

    def _set(self, entries: Entries) -> None:
        self._entries = dict(entries)
        self.generations = generations_in(entries)
        self._changed(self.generations)


def _wanted(seed: tuple[int, Processor]) -> Change:
    order, processor = seed
    return lambda known: seeded(known, processor, order)


def _removed(known: ProcessorEntry | None) -> ProcessorEntry | None:
    return known and removed(known)


def _drained(number: str, known: ProcessorEntry | None) -> ProcessorEntry | None:
    return known and drained(known, [number])


def _renewed(closed: str, known: ProcessorEntry | None) -> ProcessorEntry | None:
    is_it = known is not None and generation_of(processor_of(closed), known.generation) == closed
    return renewed(known) if known is not None and is_it and known.state != "removed" else known
