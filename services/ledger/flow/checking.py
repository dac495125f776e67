"""Checking whether SETTLEMENTS still holds what was counted.

Every few seconds the server is asked how far the stream reaches and how much it holds, and messages that were counted
are read again: the newest ones once per ``every_s``, and in between some of the older ones, until all were read
and it starts over. nats-server itself skips a damaged message without an error, and looks at the disk
only when it reads: rereading everything is the only way to know.
"""

import asyncio
import logging

from services.contracts.store_errors import StoreUnavailableError, StoreWentBackError
from services.ledger.core.integrity import Extent, Integrity
from services.ledger.core.sums import SummedStretch, added, newest_first, number_of
from services.ledger.flow.ports import SettlementStream, StoredSettlements
from services.log_throttle import FailureLog

LOOK_EVERY_S = 1.0
NOTICED_WITHIN_S = 0.1
TOGETHER = 50  # read by one request: less than a millisecond of the loop, which a summary may have to wait for
AGAIN_AFTER_S = 1.0  # a stretch that differs is read once more before it is reported

log = logging.getLogger("tarifa.ledger")


class Checker:
    """Compares what is stored with what was counted.

    Args:
        settlements: what is counted.
        stored: what is stored.
        integrity: the findings are recorded here.
        per_s: how many messages are read again per second; 0: none.
        every_s: how often the newest ones are read again.
    """

    def __init__(
        self,
        settlements: SettlementStream,
        stored: StoredSettlements,
        integrity: Integrity,
        *,
        per_s: int,
        every_s: float,
    ) -> None:
        self._settlements = settlements
        self._stored = stored
        self._integrity = integrity
        self._per_s = per_s
        self._every_s = every_s
        self._older_below = 1  # 1: start over
        self._extent: Extent | None = None
        self._damage = ""
        self._not_looked = FailureLog(log, "ledger.settlements_not_looked_at")
        self._not_read = FailureLog(log, "ledger.settlements_not_read_again")

    async def run(self) -> None:
        """Check until cancelled.

        Raises:
            StoreWentBackError: the stream no longer holds what was counted.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_periodically())
            if self._per_s:
                tasks.create_task(self._read_again_periodically())

    async def look(self) -> None:
        """Ask the server how far the stream reaches, and whether it still has the last message that was counted.

        Raises:
            StoreUnavailableError: it did not answer.
            StoreWentBackError: it has another stream, or other messages.
        """
        position, applied_seq = self._settlements.position(), self._settlements.applied_seq
        extent = await self._stored.extent()
        before, self._extent = self._extent, extent
        if before is not None and before.created != extent.created:
            raise StoreWentBackError(f"SETTLEMENTS was created again at {extent.created}")
        # What was stored at the last look must have been counted by now; what came since may be under way.
        self._integrity.looked(extent, extent.last_seq if before is None else min(before.last_seq, extent.last_seq))
        if extent.last_seq < applied_seq:
            raise StoreWentBackError(f"SETTLEMENTS ends at {extent.last_seq}, but {applied_seq} was counted")
        if position is not None and await self._stored.is_there(position) is None:
            raise StoreWentBackError(f"message {position.seq} of SETTLEMENTS is another one than was counted")
        self._log_damage()

    async def read_again(self, stretches: list[SummedStretch]) -> None:
        """Read stretches, and compare each with what was counted; raises like ``look``."""
        for stretch in stretches:
            holds = await self._sum_of(stretch) == stretch.sum
            if not holds:
                # Reading may have made the server drop a part of a block: how far does it reach now?
                await self.look()
                await asyncio.sleep(AGAIN_AFTER_S)
                holds = await self._sum_of(stretch) == stretch.sum
            if self._integrity.compared(stretch, holds=holds):
                self._log_damage()

    async def _look_periodically(self) -> None:
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while True:
            # After a reconnect nothing is answered until this is done.
            if loop.time() >= next_s or not self._integrity.is_looked_at:
                next_s = loop.time() + LOOK_EVERY_S
                try:
                    await self.look()
                except StoreUnavailableError as error:
                    self._not_looked.failed(str(error))
                else:
                    self._not_looked.succeeded()
            await asyncio.sleep(NOTICED_WITHIN_S)

    async def _read_again_periodically(self) -> None:
        loop = asyncio.get_running_loop()
        await self._settlements.caught_up()
        while True:
            next_s = loop.time() + self._every_s
            try:
                await self.read_again(self._chosen())
            except StoreUnavailableError as error:
                self._not_read.failed(str(error))
            else:
                self._not_read.succeeded()
            await asyncio.sleep(max(0.0, next_s - loop.time()))

    def _chosen(self) -> list[SummedStretch]:
        """Return what to read now: the newest stretches, then as many of the older ones."""
        applied_seq = self._settlements.applied_seq
        stretches = self._integrity.stretches(applied_seq)
        share = int(self._per_s * self._every_s / 2)
        newest = newest_first(stretches, applied_seq + 1, share)
        if not newest:
            return []
        begin = newest[-1].first
        older = newest_first(stretches, min(self._older_below, begin) if self._older_below > 1 else begin, share)
        self._older_below = older[-1].first if older else 1
        return [*newest, *older]

    async def _sum_of(self, stretch: SummedStretch) -> int:
        loop = asyncio.get_running_loop()
        total, first = 0, stretch.first
        while first <= stretch.last:
            next_s = loop.time() + TOGETHER / self._per_s
            found = await self._stored.read(first, min(TOGETHER, stretch.last - first + 1))
            for seq, data in found:
                if seq <= stretch.last:
                    total = added(total, number_of(seq, data))
            self._integrity.reread += len(found)
            first = found[-1][0] + 1 if found else stretch.last + 1
            await asyncio.sleep(max(0.0, next_s - loop.time()))
        return total

    def _log_damage(self) -> None:
        damage = self._integrity.damage
        if damage and damage != self._damage:
            log.error("ledger.settlements_damaged", extra={"damage": damage})
        elif self._damage and not damage:
            log.info("ledger.settlements_whole")
        self._damage = damage
