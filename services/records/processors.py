"""The bucket ``processors``: who charges. Written by compare-and-set, so that no change is lost to another."""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from services.bus.jetstream.api import ApiError
from services.bus.jetstream.follower import Follower
from services.bus.jetstream.lookup import last_for_each
from services.bus.jetstream.publish import Conflict, StoredAt, store, why_not_stored
from services.bus.jetstream.work_queue import Delivery
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.events import NotAnEventError
from services.contracts.processor_entry import (
    Pause,
    ProcessorEntry,
    ProcessorGeneration,
    decode_entry,
    encode_entry,
    generations_in,
    paused,
    resumed,
)

_STREAM = f"KV_{subjects.PROCESSORS}"
_PREFIX = f"$KV.{subjects.PROCESSORS}."
CHANGE_TRIES_MAX = 20
AGAIN_AFTER_S = 0.05


class StoredEntry(NamedTuple):
    """An entry and the revision by which it may be written anew."""

    entry: ProcessorEntry
    revision: int


class ProcessorBucket:
    """The bucket ``processors``: one entry by processor name, changed only by its revision."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def read(self) -> dict[str, StoredEntry]:
        """Return every entry as it is now.

        Raises:
            BusUnavailableError: the bucket does not answer, or holds what cannot be read.
        """
        try:
            messages = await last_for_each(self._bus, _STREAM, [f"{_PREFIX}>"])
        except ApiError as error:
            raise BusUnavailableError(str(error)) from error
        return {_name(each.subject): StoredEntry(_entry(each.subject, each.data), each.seq) for each in messages}

    async def change(
        self, name: str, change: Callable[[ProcessorEntry | None], ProcessorEntry | None]
    ) -> ProcessorEntry | None:
        """Write what ``change`` makes of the entry that is there, None leaves it; return what is there then.

        Raises:
            BusUnavailableError: not known whether it is written; try again.
        """
        for _ in range(CHANGE_TRIES_MAX):
            found = (await self.read()).get(name)
            known = None if found is None else found.entry
            wanted = change(known)
            if wanted is None or wanted == known:
                return known
            revision = 0 if found is None else found.revision
            result = await store(self._bus, _STREAM, f"{_PREFIX}{name}", encode_entry(wanted), expected_last=revision)
            if isinstance(result, StoredAt):
                return wanted
            if not isinstance(result, Conflict):
                raise BusUnavailableError(f"the processor {name} could not be written: {why_not_stored(result)}")
            await asyncio.sleep(AGAIN_AFTER_S)
        raise BusUnavailableError(f"the processor {name} is being changed by others")

    async def pause(self, name: str, pause: Pause | None) -> ProcessorGeneration | None:
        """Have a processor paused, or by None resumed; return it as it is then. None: there is no such processor.

        Raises:
            BusUnavailableError: not known whether it is written; try again.
        """

        def wanted(known: ProcessorEntry | None) -> ProcessorEntry | None:
            if known is None or known.state == "removed":
                return known
            return resumed(known) if pause is None else paused(known, pause)

        entry = await self.change(name, wanted)
        return None if entry is None or entry.state == "removed" else generations_in({name: entry})[0]

    def follower(self, changed: Callable[[str, ProcessorEntry], None]) -> Follower:
        """Return a watch on every entry, and on each one that is written from then on."""

        def apply(delivery: Delivery) -> None:
            changed(_name(delivery.subject), _entry(delivery.subject, delivery.data))

        return Follower(self._bus, _STREAM, f"{_PREFIX}>", apply)


def entries_of(stored: Mapping[str, StoredEntry]) -> dict[str, ProcessorEntry]:
    """Return the entries without their revisions."""
    return {name: each.entry for name, each in stored.items()}


def _name(subject: str) -> str:
    return subject.removeprefix(_PREFIX)


def _entry(subject: str, data: bytes) -> ProcessorEntry:
    try:
        return decode_entry(data)
    except NotAnEventError as error:
        raise BusUnavailableError(
            f"the entry of {_name(subject)} in the bucket {subjects.PROCESSORS} cannot be read: {error}"
        ) from error
