"""LEDGER_SNAPSHOTS: the newest snapshot of the book, complete or none.

The chunks of a generation are numbered from 0 and stored once; a later snapshot stores what is new and a manifest of
all. Until the new ones are all stored, the existing manifest names only older ones: a crash at any moment
leaves it valid. What a crash left behind is overwritten, or purged when the next generation is complete.
"""

import asyncio
import logging
from dataclasses import dataclass

from services.bus.jetstream import api
from services.bus.jetstream.lookup import first_from, last_for
from services.bus.jetstream.publish import StoredAt, store, why_not_stored
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.ledger.core import snapshot
from services.ledger.core.book import Book
from services.ledger.core.columns import BookImage
from services.ledger.core.restoring import Restoring
from services.ledger.core.snapshot import (
    Chain,
    Position,
    Reached,
    ReadCounts,
    SnapshotManifest,
    SourceStream,
    UnusableError,
)
from services.ledger.core.snapshot_outcomes import Damaged, Loaded, NoSnapshot, NotSaved, Restored, Saved, Unusable
from services.log_throttle import FailureLog

TOGETHER_READ = 48  # chunks under way at once, 2 MB: enough to hide the round trips
TOGETHER_STORED = 4  # fewer: encoding these is the longest time that a snapshot blocks the loop
STORE_TIMEOUT_S = 5.0
AGAIN_AFTER_S = 0.5
TRIES_MAX = 5  # then the settlements themselves are read, which takes long but needs no snapshot

log = logging.getLogger("tarifa.ledger")


@dataclass(frozen=True, slots=True)
class _NewestSnapshot:
    """The newest manifest: its sequence, its chunks, and the book's number of clearings when they were made."""

    revision: int
    chain: Chain
    clearings: int


class _NotStoredError(Exception):
    """A chunk or the manifest was not stored."""


class _LostError(Exception):
    """SETTLEMENTS no longer holds what was read of it."""


class SnapshotStore:
    """The port ``Snapshots`` of the flow."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._source: SourceStream | None = None
        self._newest: _NewestSnapshot | None = None
        self._not_recorded = FailureLog(log, "ledger.reached_not_stored")

    async def load(self, book: Book) -> Loaded:
        """Load the newest snapshot into an empty book; if that fails, the book is empty again."""
        source, last_seq = await self._source_when_there()
        self._source = source
        for attempt in range(1, TRIES_MAX + 1):
            try:
                await self._check_reached(source, last_seq)
                return await self._load(book, source, last_seq)
            except _LostError as error:
                book.clear()
                return Damaged(str(error))
            except UnusableError as error:
                reason = str(error)
                break
            except (BusUnavailableError, api.ApiError) as error:
                reason = f"it could not be read: {error}"
                log.warning("ledger.snapshot_not_read", extra={"error": str(error), "attempt": attempt})
                await asyncio.sleep(AGAIN_AFTER_S)
        book.clear()
        return Unusable(reason)

    async def save(self, image: BookImage, position: Position, counts: ReadCounts) -> Saved | NotSaved:
        """Store what the newest snapshot lacks of an image, and a manifest of all."""
        try:
            return await self._save(image, position, counts)
        except (BusUnavailableError, api.ApiError, _NotStoredError, ValueError) as error:
            return NotSaved(str(error))

    async def record_reached(self, position: Position) -> None:
        """Store how far SETTLEMENTS was read."""
        if self._source is None:
            return
        data = snapshot.encode_reached(Reached(self._source, position))
        try:
            await self._store(subjects.SNAPSHOT_REACHED, data)
        except (BusUnavailableError, api.ApiError, _NotStoredError) as error:
            self._not_recorded.failed(str(error))
        else:
            self._not_recorded.succeeded()

    async def _load(self, book: Book, source: SourceStream, last_seq: int) -> Loaded:
        found = await last_for(self._bus, subjects.LEDGER_SNAPSHOTS, subjects.SNAPSHOT_MANIFEST)
        if found is None:
            return NoSnapshot()
        manifest = snapshot.decode_manifest(found.data)
        snapshot.check_source(manifest.source, source)
        await self._check_position(manifest.position, last_seq)
        restoring = Restoring(book, manifest)
        for first in range(0, manifest.chain.chunks, TOGETHER_READ):
            for data in await self._chunks(manifest, range(first, first + TOGETHER_READ)):
                restoring.take(data)
        restoring.end()
        self._newest = _NewestSnapshot(found.seq, manifest.chain, book.image().clearings)
        return Restored(manifest.position, manifest.counts)

    async def _check_reached(self, source: SourceStream, last_seq: int) -> None:
        # A snapshot lags: only this shows that the newest messages existed.
        found = await last_for(self._bus, subjects.LEDGER_SNAPSHOTS, subjects.SNAPSHOT_REACHED)
        if found is None:
            return
        reached = snapshot.decode_reached(found.data)
        if reached.source == source:
            await self._check_position(reached.position, last_seq)

    async def _check_position(self, position: Position, last_seq: int) -> None:
        if position.seq > last_seq:
            raise _LostError(f"it was read up to message {position.seq}, and now ends at {last_seq}")
        message = await first_from(self._bus, subjects.SETTLEMENTS, position.seq, subjects.SETTLEMENTS_ALL)
        if message is None or message.seq != position.seq:
            raise _LostError(f"message {position.seq}, which was read, is missing")
        # A server that lost its last messages gives their sequences to new ones.
        if snapshot.fingerprint(message.subject, message.data) != position.fingerprint:
            raise _LostError(f"message {position.seq} is another one than was read")

    async def _chunks(self, manifest: SnapshotManifest, numbers: range) -> list[bytes]:
        generation = manifest.chain.generation
        wanted = [number for number in numbers if number < manifest.chain.chunks]
        names = [subjects.snapshot_chunk(generation, number) for number in wanted]
        found = await asyncio.gather(*(last_for(self._bus, subjects.LEDGER_SNAPSHOTS, name) for name in names))
        chunks = [message.data for message in found if message is not None]
        if len(chunks) < len(wanted):
            raise UnusableError(f"of chunks {wanted[0]} to {wanted[-1]} there are only {len(chunks)}")
        return chunks

    async def _save(self, image: BookImage, position: Position, counts: ReadCounts) -> Saved:
        source, last_seq = await self._source_now()
        if self._source is None or source != self._source or position.seq > last_seq:
            # A replay would no longer make this book, and a snapshot must equal a replay.
            raise _NotStoredError(f"SETTLEMENTS was {self._source}, and now is {source} up to {last_seq}")
        found = await last_for(self._bus, subjects.LEDGER_SNAPSHOTS, subjects.SNAPSHOT_MANIFEST)
        revision = 0 if found is None else found.seq
        newest = self._newest
        is_new = newest is None or (newest.revision, newest.clearings) != (revision, image.clearings)
        # Named by the revision of the manifest to be replaced: after a crash the next attempt overwrites its chunks.
        begun = Chain(revision) if newest is None or is_new else newest.chain
        chain, first_seq = await self._store_chunks(begun, image)
        manifest = snapshot.manifest_of(source, position, counts, chain, image)
        data = snapshot.encode_manifest(manifest)
        stored = await self._store(subjects.SNAPSHOT_MANIFEST, data, expected_last=revision)
        self._newest = _NewestSnapshot(stored, chain, image.clearings)
        if is_new:
            await self._purge_before(first_seq or stored)
        return Saved(chain.chunks - begun.chunks, chain.chunks, chain.size + len(data))

    async def _store_chunks(self, chain: Chain, image: BookImage) -> tuple[Chain, int]:
        """Store the rows that the chain lacks; return the chain with them, and the first chunk's sequence (0: none).

        The rows are those of the image, whatever is recorded or cleared between two of these chunks.
        """
        first_seq = 0
        while chain.rows < image.rows:
            chunks: dict[str, bytes] = {}
            while chain.rows < image.rows and len(chunks) < TOGETHER_STORED:
                name = subjects.snapshot_chunk(chain.generation, chain.chunks)
                chunks[name], chain = snapshot.encode_chunk(chain, image.block(chain.rows, snapshot.CHUNK_ROWS))
            stored = await asyncio.gather(*(self._store(name, data) for name, data in chunks.items()))
            first_seq = first_seq or min(stored)
        return chain, first_seq

    async def _store(self, name: str, data: bytes, expected_last: int | None = None) -> int:
        stream = subjects.LEDGER_SNAPSHOTS
        result = await store(self._bus, stream, name, data, expected_last=expected_last, timeout_s=STORE_TIMEOUT_S)
        if not isinstance(result, StoredAt):
            raise _NotStoredError(f"{name}: {why_not_stored(result)}")
        return result.seq

    async def _purge_before(self, seq: int) -> None:
        try:
            await api.call(self._bus, f"STREAM.PURGE.{subjects.LEDGER_SNAPSHOTS}", {"seq": seq})
        except (BusUnavailableError, api.ApiError) as error:  # the next generation purges it too
            log.warning("ledger.snapshot_not_purged", extra={"before": seq, "error": str(error)})

    async def _source_when_there(self) -> tuple[SourceStream, int]:
        not_read = FailureLog(log, "ledger.source_not_read")
        while True:
            try:
                return await self._source_now()
            except (BusUnavailableError, api.ApiError) as error:
                not_read.failed(str(error))
                await asyncio.sleep(AGAIN_AFTER_S)

    async def _source_now(self) -> tuple[SourceStream, int]:
        """Return the identity of SETTLEMENTS, and its last sequence."""
        info = await api.call(self._bus, f"STREAM.INFO.{subjects.SETTLEMENTS}")
        return SourceStream(str(info["created"])), int(info["state"]["last_seq"])
