"""Who charges: the entries of the bucket ``processors``, one by name, and what follows from them. Pure.

An id is unique only within one processor, so a name at another URL is another processor: another *generation* of it. A
generation that is closed, by a line in ASSIGNMENTS, takes nothing new; its URL stays here for as long as an unsettled
line names it.

| change | entry |
|---|---|
| another fee or order | the same generation, at once |
| another URL in the settings | the next generation; the one before is closed and kept under ``former`` |
| no longer in the settings | ``removed``; its generation is closed and kept likewise |
| moved by an operator, who says that it is the same processor at another address | the same generation |
| paused by an operator | ``paused``, until it is resumed: no settings, and no other generation, undo it |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct, json
from msgspec.structs import replace

from services.contracts.events import decoded
from services.contracts.processor import Processor, address_of


class Pause(Struct, frozen=True, rename="camel"):
    """Who paused a processor, why, and since when; ``since`` is null where that was not recorded."""

    by: str
    reason: str
    since: datetime | None


class ProcessorEntry(Struct, frozen=True, rename="camel"):
    """One processor as the bucket has it.

    Args:
        url: where the generation charges now.
        fee: a share of the amount, as text.
        order: its place among equal fees.
        generation: counts the URLs that were other processors.
        state: ``paused`` gets nothing new; ``removed`` neither, and is in the settings no more.
        former: by number, the URLs of closed generations that unsettled lines may name.
        seed_url: the URL in the last settings; the same ones again change nothing that an operator has moved since.
        by, reason, paused_at: who paused it, why and when; of a removed one too, which is paused where it comes back.
    """

    url: str
    fee: str
    order: int
    generation: int
    state: Literal["open", "paused", "removed"] = "open"
    former: dict[str, str] = {}
    seed_url: str = ""
    by: str = ""
    reason: str = ""
    paused_at: datetime | None = None
    v: int = 1


Entries = Mapping[str, ProcessorEntry]

_decoder = json.Decoder(ProcessorEntry)
_encoder = json.Encoder()


def encode_entry(entry: ProcessorEntry) -> bytes:
    """Return the entry as UTF-8 JSON."""
    return _encoder.encode(entry)


def decode_entry(data: bytes) -> ProcessorEntry:
    """Read an entry.

    Raises:
        NotAnEventError: it is none.
    """
    return decoded(_decoder, data)


def generation_of(name: str, number: int) -> str:
    """Return how lines name a generation: ``default/3``."""
    return f"{name}/{number}"


def seeded(known: ProcessorEntry | None, processor: Processor, order: int) -> ProcessorEntry:
    """Return the entry of a processor of the settings, given the one before."""
    fee = str(processor.fee)
    if known is None:
        return ProcessorEntry(processor.url, fee, order, 1, seed_url=processor.url)
    if known.state == "removed" or address_of(known.seed_url) != address_of(processor.url):
        former = known.former if known.state == "removed" else {**known.former, str(known.generation): known.url}
        return ProcessorEntry(
            url=processor.url,
            fee=fee,
            order=order,
            generation=known.generation + 1,
            state="paused" if known.by else "open",
            former=former,
            seed_url=processor.url,
            by=known.by,
            reason=known.reason,
            paused_at=known.paused_at,
        )
    return replace(known, fee=fee, order=order)


def renewed(known: ProcessorEntry) -> ProcessorEntry:
    """Return the entry whose generation was closed, and whose change did not get any further: the next generation."""
    former = {**known.former, str(known.generation): known.url}
    return replace(known, generation=known.generation + 1, former=former)


def removed(known: ProcessorEntry) -> ProcessorEntry:
    """Return the entry of a processor that is in the settings no more."""
    if known.state == "removed":
        return known
    former = {**known.former, str(known.generation): known.url}
    return replace(known, state="removed", former=former, seed_url="")


def moved(known: ProcessorEntry, url: str) -> ProcessorEntry:
    """Return the entry of a processor that an operator says is the same one at another address."""
    return replace(known, url=url)


def paused(known: ProcessorEntry, pause: Pause) -> ProcessorEntry:
    """Return the entry of a processor that is to get nothing new; ``pause.by`` must not be empty.

    Paused once more it has the newest word of why, and stays paused since the first.
    """
    since = known.paused_at if known.state == "paused" else None
    return replace(known, state="paused", by=pause.by, reason=pause.reason, paused_at=since or pause.since)


def resumed(known: ProcessorEntry) -> ProcessorEntry:
    """Return the entry of a processor that takes payments again."""
    return replace(known, state="open", by="", reason="", paused_at=None)


def drained(known: ProcessorEntry, numbers: Sequence[str]) -> ProcessorEntry:
    """Return the entry without closed generations that no unsettled line names."""
    return replace(known, former={number: url for number, url in known.former.items() if number not in numbers})


def closes(before: ProcessorEntry | None, after: ProcessorEntry) -> int | None:
    """Return the generation that must be closed in the log before the entry may be written so; None: none."""
    if before is None or before.state == "removed":
        return None
    return before.generation if after.state == "removed" or after.generation != before.generation else None


@dataclass(frozen=True, slots=True)
class ProcessorGeneration:
    """One generation of a processor; ``generation`` is its name in lines, as ``default/3``.

    ``open`` takes payments; ``paused`` and ``closing`` take none that they do not have already. ``pause`` is there
    where the state is ``paused``, and else None.
    """

    generation: str
    name: str
    url: str
    fee: Decimal
    state: Literal["open", "paused", "closing"]
    pause: Pause | None = None


def generations_in(entries: Entries) -> tuple[ProcessorGeneration, ...]:
    """Return the generations of all entries: those that are not closing first, the cheapest first among them."""
    ranked = sorted(entries.items(), key=lambda item: (Decimal(item[1].fee), item[1].order, item[0]))
    now = [
        ProcessorGeneration(
            generation_of(name, entry.generation),
            name,
            entry.url,
            Decimal(entry.fee),
            "open" if entry.state == "open" else "paused",
            None if entry.state == "open" else Pause(entry.by, entry.reason, entry.paused_at),
        )
        for name, entry in ranked
        if entry.state != "removed"
    ]
    closing = [
        ProcessorGeneration(generation_of(name, int(number)), name, url, Decimal(entry.fee), "closing")
        for name, entry in ranked
        for number, url in entry.former.items()
    ]
    return (*now, *closing)
