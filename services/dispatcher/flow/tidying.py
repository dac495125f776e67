"""Lines of payments that are not in hand here: those that are settled elsewhere are dropped, the others counted.

Another dispatcher's payments appear here only as lines; whether they are settled is asked of SETTLEMENTS alone, in
batches: a line is never dropped because it looks old or superseded. What remains and belongs to a dead process will
need its processor's slots.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from services.contracts.store_errors import StoreUnavailableError
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.assigning import Assigning
from services.dispatcher.flow.ports import Assignments, SettlementRecords

EVERY_S = 2.0
IDS_AT_ONCE = 500
PURGE_EVERY = 5  # runs


class Tidying:
    """Keeps the log that was read as short as what is in hand or in doubt."""

    def __init__(
        self,
        *,
        log_read: AssignmentLog,
        traffic: Traffic,
        assigning: Assigning,
        assignments: Assignments,
        settlements: SettlementRecords,
        is_alive: Callable[[str], bool],
    ) -> None:
        self._log_read = log_read
        self._traffic = traffic
        self._assigning = assigning
        self._assignments = assignments
        self._settlements = settlements
        self._is_alive = is_alive
        self._seen_before: set[str] = set()
        self._times = 0

    async def run(self) -> None:
        """Tidy until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.tidy()

    async def tidy(self) -> None:
        """Look up, once, what was in the log at the last run too and is not in hand; count what no process has."""
        there = [each for each in self._log_read.ids() if each not in self._traffic.in_hand]
        asked = [each for each in there if each in self._seen_before][:IDS_AT_ONCE]
        self._seen_before = set(there)
        if asked:
            try:
                found = await self._settlements.find(asked)
            except StoreUnavailableError:
                return  # the next run retries
            for payment_id in found:
                if payment_id not in self._traffic.in_hand:
                    self._assigning.forget(payment_id)
        self._assigning.drop_without_lines(self._is_alive)
        self._times += 1
        if self._times % PURGE_EVERY == 0:
            # A deletion is lost where the server is killed right after it, or the connection ends.
            self._assignments.purge_before(self._log_read.done_before())
        unclaimed = Counter(
            view.generation
            for payment_id, view in self._log_read.views()
            if view.state == "assigned" and payment_id not in self._traffic.in_hand and not self._is_alive(view.owner)
        )
        for generation in self._traffic.generations:
            self._traffic.note_unclaimed(generation, unclaimed[generation])
