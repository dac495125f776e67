"""The dispatcher's flow, put together once for the process and for its tests.

delivered -> taking -> (traffic: when and where) -> attempting -> assigning: line, look-up -> POST -> settling -> ack.
The scheduler starts calls and fetches payments; tidying keeps the log that was read short.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.assigning import Assigning
from services.dispatcher.flow.attempting import Attempting
from services.dispatcher.flow.doubt_check import DoubtCheck
from services.dispatcher.flow.payment_tasks import PaymentTasks
from services.dispatcher.flow.ports import (
    Assignments,
    ChargingProcessor,
    Clock,
    Queue,
    SettlementRecords,
    Source,
    StoreWatch,
)
from services.dispatcher.flow.scheduler import Scheduler
from services.dispatcher.flow.settling import Settling
from services.dispatcher.flow.taking import Taking
from services.dispatcher.flow.tidying import Tidying


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What one dispatcher works with.

    Args:
        owner: the name of this process in its lines.
        traffic, counters, log_read: its state.
        queue, source, settlements, assignments: the streams.
        processors: by generation; may change meanwhile.
        store: whether it went back in time.
        clock: time and random numbers.
        is_alive: whether another process, by its name in lines, has sent a pulse recently.
        together_s: as in Assigning.
    """

    owner: str
    traffic: Traffic
    counters: Counters
    log_read: AssignmentLog
    queue: Queue
    source: Source
    settlements: SettlementRecords
    assignments: Assignments
    processors: Mapping[str, ChargingProcessor]
    store: StoreWatch
    clock: Clock
    is_alive: Callable[[str], bool]
    together_s: float = 0.0


class Dispatching:
    """One dispatcher: its parts, connected. The wiring runs ``scheduler`` and ``tidying``, and feeds ``taking``."""

    def __init__(self, needs: Dependencies) -> None:
        self.tasks = PaymentTasks(needs.traffic, needs.counters)
        self.assigning = Assigning(
            owner=needs.owner,
            log_read=needs.log_read,
            assignments=needs.assignments,
            settlements=needs.settlements,
            clock=needs.clock,
            together_s=needs.together_s,
        )
        self.settling = Settling(
            traffic=needs.traffic,
            counters=needs.counters,
            queue=needs.queue,
            settlements=needs.settlements,
            assigning=self.assigning,
            clock=needs.clock,
        )
        self.attempting = Attempting(
            traffic=needs.traffic,
            counters=needs.counters,
            log_read=needs.log_read,
            processors=needs.processors,
            assigning=self.assigning,
            settling=self.settling,
            tasks=self.tasks,
            clock=needs.clock,
        )
        self.scheduler = Scheduler(needs.traffic, needs.source, needs.clock, self.attempting.start)
        self.tasks.on_end(self.scheduler.wake)
        self.taking = self._taking(needs)
        self.tidying = self._tidying(needs)

    def _taking(self, needs: Dependencies) -> Taking:
        doubt_check = DoubtCheck(
            store=needs.store, processors=needs.processors, settling=self.settling, counters=needs.counters
        )
        return Taking(
            owner=needs.owner,
            log_read=needs.log_read,
            traffic=needs.traffic,
            counters=needs.counters,
            queue=needs.queue,
            settling=self.settling,
            doubt_check=doubt_check,
            store=needs.store,
            tasks=self.tasks,
            clock=needs.clock,
            is_alive=needs.is_alive,
            wake=self.scheduler.wake,
        )

    def _tidying(self, needs: Dependencies) -> Tidying:
        return Tidying(
            log_read=needs.log_read,
            traffic=needs.traffic,
            assigning=self.assigning,
            assignments=needs.assignments,
            settlements=needs.settlements,
            is_alive=lambda other: other == needs.owner or needs.is_alive(other),
        )

    async def stop(self, within_s: float) -> None:
        """Start nothing more, let the calls under way end, and give back what is in hand."""
        self.scheduler.stop()
        self.taking.stop()
        await self.attempting.finish(within_s)

    def start_nothing_more(self) -> None:
        """Start nothing more: what was read of the log is no longer valid."""
        self.scheduler.stop()
        self.taking.stop()
        self.assigning.abandon()

    async def abandon(self, within_s: float) -> None:
        """Start nothing more, as what was read of the log is no longer valid, and let the calls under way end."""
        self.start_nothing_more()
        await self.tasks.finish(within_s)
