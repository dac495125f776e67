"""The dispatcher's flow, put together once for the process and for its tests.

delivered -> taking -> (traffic: when and where) -> attempting -> assigning: line, look-up -> POST -> settling -> ack.
The pump starts calls and fetches payments; tidying keeps the log that was read short.
"""

from collections.abc import Callable, Mapping

from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.tally import Tally
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.assigning import Assigning
from services.dispatcher.flow.attempting import Attempting
from services.dispatcher.flow.clearing import Clearing, Store
from services.dispatcher.flow.payment_tasks import PaymentTasks
from services.dispatcher.flow.ports import Assignments, Clock, Processor, Queue, Settlements, Source
from services.dispatcher.flow.pump import Pump
from services.dispatcher.flow.settling import Settling
from services.dispatcher.flow.taking import Taking
from services.dispatcher.flow.tidying import Tidying


class Dispatching:
    """One dispatcher.

    Args:
        owner: the name of this process in its lines.
        traffic, tally, log_read: its state.
        queue, source, settlements, assignments: the streams.
        processors: by generation; may change meanwhile.
        store: whether it went back in time.
        clock: time and random numbers.
        is_alive: whether another process, by its name in lines, has sent a pulse recently.
        together_s: as in Assigning.
    """

    def __init__(
        self,
        *,
        owner: str,
        traffic: Traffic,
        tally: Tally,
        log_read: AssignmentLog,
        queue: Queue,
        source: Source,
        settlements: Settlements,
        assignments: Assignments,
        processors: Mapping[str, Processor],
        store: Store,
        clock: Clock,
        is_alive: Callable[[str], bool],
        together_s: float = 0.0,
    ) -> None:
        self.tasks = PaymentTasks(traffic, tally)
        self.assigning = Assigning(
            owner=owner,
            log_read=log_read,
            assignments=assignments,
            settlements=settlements,
            clock=clock,
            together_s=together_s,
        )
        self.settling = Settling(
            traffic=traffic,
            tally=tally,
            queue=queue,
            settlements=settlements,
            assigning=self.assigning,
            clock=clock,
        )
        self.attempting = Attempting(
            traffic=traffic,
            tally=tally,
            log_read=log_read,
            processors=processors,
            assigning=self.assigning,
            settling=self.settling,
            tasks=self.tasks,
            clock=clock,
        )
        self.clearing = Clearing(store=store, processors=processors, settling=self.settling, tally=tally)
        self.pump = Pump(traffic, source, clock, self.attempting.start)
        self.tasks.on_end(self.pump.kick)
        self.taking = Taking(
            owner=owner,
            log_read=log_read,
            traffic=traffic,
            tally=tally,
            queue=queue,
            settling=self.settling,
            clearing=self.clearing,
            store=store,
            tasks=self.tasks,
            clock=clock,
            is_alive=is_alive,
            turn=self.pump.kick,
        )
        self.tidying = Tidying(
            log_read=log_read,
            traffic=traffic,
            assigning=self.assigning,
            assignments=assignments,
            settlements=settlements,
            is_alive=lambda other: other == owner or is_alive(other),
        )

    async def stop(self, within_s: float) -> None:
        """Start nothing more, let the calls under way end, and give back what is in hand."""
        self.pump.stop()
        self.taking.stop()
        await self.attempting.finish(within_s)

    def start_nothing_more(self) -> None:
        """Start nothing more: what was read of the log is no longer valid."""
        self.pump.stop()
        self.taking.stop()
        self.assigning.abandon()

    async def abandon(self, within_s: float) -> None:
        """Start nothing more, as what was read of the log is no longer valid, and let the calls under way end."""
        self.start_nothing_more()
        await self.tasks.finish(within_s)
