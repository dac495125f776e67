"""The processors that charge, from the bucket ``processors``, which every running dispatcher follows.

The settings seed the bucket at the start. A generation is closed in the log before its entry changes, so that a
dispatcher which has not read the change sends nothing new there; it is removed when no unsettled line names it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from services.bus.jetstream.api import ApiError
from services.bus.wire.connection import Bus, BusAwayError
from services.contracts.assignments import processor_of
from services.contracts.processor import Processor
from services.contracts.roster import (
    Entries,
    Place,
    ProcessorEntry,
    closes,
    drained,
    generation_of,
    places,
    removed,
    renewed,
    seeded,
)
from services.dispatcher.core.assignment_log import AssignmentLog
from services.log_throttle import FailureLog
from services.records.assignments import AssignmentStream
from services.records.processors import ProcessorBucket, entries_of

TEND_EVERY_S = 2.0

Change = Callable[[ProcessorEntry | None], ProcessorEntry | None]

log = logging.getLogger("tarifa.dispatcher")


class Roster:
    """The places that charge; ``changed`` is called with all of them whenever one of them changes.

    Args:
        bus: the connection.
        assignments: where generations are closed.
        log_read: the log as far as it was read.
        changed: called with the places.
        is_asked: whether every generation may still have to be asked about a payment, even if no line names it: the
            store went back in time, and has lost the lines.
    """

    def __init__(
        self,
        bus: Bus,
        assignments: AssignmentStream,
        log_read: AssignmentLog,
        changed: Callable[[Sequence[Place]], None],
        is_asked: Callable[[], Awaitable[bool]],
    ) -> None:
        self._bucket = ProcessorBucket(bus)
        self._assignments = assignments
        self._log = log_read
        self._changed = changed
        self._is_asked = is_asked
        self._entries: dict[str, ProcessorEntry] = {}
        self._following = self._bucket.follower(self._entry_changed)
        self._not_tended = FailureLog(log, "processors.not_tended")
        self.places: tuple[Place, ...] = ()

    async def seed(self, processors: Sequence[Processor]) -> None:
        """Write the processors of the settings, and remove those that are no longer in them; then know all places.

        Raises:
            BusAwayError: the bucket or the log does not answer.
        """
        wanted = {processor.name: (order, processor) for order, processor in enumerate(processors)}
        for name in dict.fromkeys((*wanted, *await self._bucket.read())):
            await self._change(name, _wanted(wanted[name]) if name in wanted else _removed)
        self._set(entries_of(await self._bucket.read()))

    async def run(self) -> None:
        """Follow the bucket until cancelled."""
        await self._following.run()

    async def tend(self) -> None:
        """Finish periodically what a change has left, until cancelled."""
        while True:
            await asyncio.sleep(TEND_EVERY_S)
            try:
                await self._renew_closed()
                await self._forget_drained()
            except (ApiError, BusAwayError) as error:
                self._not_tended.failed(str(error))
            else:
                self._not_tended.succeeded()

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
        for place in self.places:
            if place.state != "closing" and place.generation in self._log.closed:
                await self._bucket.change(place.name, partial(_renewed, place.generation))

    async def _forget_drained(self) -> None:
        named = {view.generation for _, view in self._log.views()}
        done = [place for place in self.places if place.state == "closing" and place.generation not in named]
        if done and not await self._is_asked():
            for place in (place for place in done if place.generation in self._log.closed):
                number = place.generation.rpartition("/")[2]
                await self._bucket.change(place.name, partial(_drained, number))
                log.info("processor.generation_done", extra={"processor": place.name, "generation": number})

    def _entry_changed(self, name: str, entry: ProcessorEntry) -> None:
        if self._entries.get(name) != entry:
            self._set({**self._entries, name: entry})

    def _set(self, entries: Entries) -> None:
        self._entries = dict(entries)
        self.places = places(entries)
        self._changed(self.places)


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
