"""Snapshots: start from the newest one, read only what was settled after it, store another one when enough is new.

A snapshot saves time and is never required: one that is damaged, old or of another stream is refused, and settlements
are read from the first one on; one that cannot be stored is retried later. Neither can make an answer wrong.
"""

import asyncio
import logging
from typing import assert_never

from services.ledger.core.snapshot_outcomes import Damaged, NoSnapshot, NotSaved, Restored, Saved, Unusable
from services.ledger.flow.counting import Ledger
from services.ledger.flow.loop_lag import LoopLag
from services.ledger.flow.ports import Checks, Snapshots

LOOK_EVERY_S = 0.25
AGAIN_AFTER_S = 10.0
RECORD_EVERY_S = 2.0  # if messages stored after the last record are lost before the next start, that is not noticed
STOP_WITHIN_S = 3.0
# On stop a shorter tail is worth a snapshot than while running; a very short one is read faster than stored.
AT_STOP_SHARE = 10

log = logging.getLogger("tarifa.ledger")


class SnapshotRunner:
    """Runs a ledger from snapshot to snapshot.

    Args:
        ledger: with an empty book.
        snapshots: where they are stored.
        every: the number of new settlements after which the next snapshot is due.
        checker: checks that what was counted is still stored, while the ledger runs.
    """

    def __init__(self, ledger: Ledger, snapshots: Snapshots, every: int, checker: Checks) -> None:
        self._ledger = ledger
        self._snapshots = snapshots
        self._every = every
        self._checker = checker
        self._recorded = (0, 0)

    async def run(self) -> None:
        """Restore the book, then count and store snapshots, until cancelled."""
        if not await self._restore():
            await asyncio.Event().wait()  # nothing is counted; the damage is reported until an operator decides
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ledger.run())
            tasks.create_task(self._checker.run())
            tasks.create_task(self._save_when_due())
            tasks.create_task(self._record_periodically())

    async def stop(self) -> None:
        """Store a last snapshot if enough is new; call it after ``run`` was cancelled. Gives up if that takes long."""
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await self._record_reached()
                if self._new >= max(1, self._every // AT_STOP_SHARE):
                    await self._save()
        except TimeoutError:
            log.warning("ledger.snapshot_given_up", extra={"seconds": STOP_WITHIN_S})

    @property
    def _new(self) -> int:
        return self._ledger.applied_seq - self._ledger.snapshots.seq

    async def _restore(self) -> bool:
        """Load the newest snapshot into the book; return whether what is stored can be counted."""
        clock = asyncio.get_running_loop().time
        start_s = clock()
        loaded = await self._snapshots.load(self._ledger.book)
        match loaded:
            case Restored(position, counts):
                self._ledger.resume(position, counts)
                self._ledger.snapshots.seq = position.seq
                fields = {
                    "seq": position.seq,
                    "entries": self._ledger.book.entries,
                    "seconds": round(clock() - start_s, 3),
                }
                log.info("ledger.restored", extra=fields)
            case Unusable(reason):
                self._ledger.snapshots.refused += 1
                log.error("ledger.snapshot_refused", extra={"reason": reason})
            case NoSnapshot():
                log.info("ledger.no_snapshot")
            case Damaged(reason):
                self._ledger.integrity.broken(reason)
                log.error("ledger.settlements_damaged", extra={"damage": reason})
                return False
            case _:
                assert_never(loaded)
        return True

    async def _record_periodically(self) -> None:
        while True:
            await asyncio.sleep(RECORD_EVERY_S)
            await self._record_reached()

    async def _record_reached(self) -> None:
        position = self._ledger.settlements.position()
        if position is not None and (position.seq, self._ledger.snapshots.seq) != self._recorded:
            await self._snapshots.record_reached(position)
            self._recorded = position.seq, self._ledger.snapshots.seq  # a new snapshot may have purged it

    async def _save_when_due(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._new >= self._every and not await self._save():
                await asyncio.sleep(AGAIN_AFTER_S)

    async def _save(self) -> bool:
        """Store a snapshot of now; return whether it was stored."""
        image = self._ledger.image()
        if image is None:
            return False
        _, position, _ = image
        async with LoopLag() as lag:
            saved = await self._snapshots.save(*image)
        match saved:
            case Saved(stored_now, chunks, size):
                self._ledger.snapshots.seq = position.seq
                fields = {"seq": position.seq, "stored_now": stored_now, "chunks": chunks, "bytes": size}
                log.info("ledger.snapshot", extra={**fields, **lag.fields()})
            case NotSaved(reason):
                self._ledger.snapshots.failed += 1
                log.warning("ledger.snapshot_failed", extra={"seq": position.seq, "reason": reason})
            case _:
                assert_never(saved)
        return isinstance(saved, Saved)
