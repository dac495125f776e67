"""The bucket ``processors``: which generation of each processor charges. Another URL is another generation.

An id is unique only within one processor, so lines name not the processor but its generation: the same name at another
URL is another processor, and what may have been booked at the old one is never sent to the new one.
"""

import logging
from collections.abc import Sequence

from msgspec import MsgspecError, Struct, json

from services.bus.connection import Bus, BusAwayError
from services.bus.lookup import last_for
from services.bus.publish import Conflict, Stored, store
from services.contracts import subjects
from services.contracts.processor import Processor

log = logging.getLogger("tarifa.dispatcher")


class ProcessorEntry(Struct, frozen=True, rename="camel"):
    """One processor as the bucket has it; ``fee`` is a share of the amount, as text."""

    url: str
    fee: str
    generation: int
    v: int = 1


_decoder = json.Decoder(ProcessorEntry)
_STREAM = f"KV_{subjects.PROCESSORS}"


async def generations(bus: Bus, processors: Sequence[Processor]) -> dict[str, str]:
    """Write the processors of the settings into the bucket; return the generation of each, as lines name it.

    Raises:
        BusAwayError: the bucket does not answer, or holds what cannot be read.
    """
    return {processor.name: f"{processor.name}/{await _generation(bus, processor)}" for processor in processors}


async def _generation(bus: Bus, processor: Processor) -> int:
    while True:
        found = await last_for(bus, _STREAM, _key(processor.name))
        known = None if found is None else _entry(found.data, processor.name)
        wanted = _wanted(known, processor)
        if known == wanted:
            return wanted.generation
        data = json.encode(wanted)
        result = await store(bus, _STREAM, _key(processor.name), data, expected_last=0 if found is None else found.seq)
        match result:
            case Stored():
                if known is not None and known.generation != wanted.generation:
                    fields = {"processor": processor.name, "from_url": known.url, "to_url": wanted.url}
                    log.warning("processor.new_generation", extra={**fields, "generation": wanted.generation})
                return wanted.generation
            case Conflict():
                continue  # another dispatcher wrote it at this moment
            case _:
                raise BusAwayError(f"the processor {processor.name} could not be written: {result}")


def _wanted(known: ProcessorEntry | None, processor: Processor) -> ProcessorEntry:
    if known is None:
        return ProcessorEntry(processor.url, str(processor.fee), 1)
    generation = known.generation + (known.url != processor.url)
    return ProcessorEntry(processor.url, str(processor.fee), generation)


def _entry(data: bytes, name: str) -> ProcessorEntry:
    try:
        return _decoder.decode(data)
    except MsgspecError as error:
        raise BusAwayError(
            f"the entry of {name} in the bucket {subjects.PROCESSORS} cannot be read: {error}"
        ) from error


def _key(name: str) -> str:
    return f"$KV.{subjects.PROCESSORS}.{name}"
