"""The dispatcher's flow, put together: who is introduced to whom, once, for the process and for its tests alike.

delivered -> taking -> (traffic: when and where) -> attempting -> assigning: line, look-up -> POST -> settling -> ack.
The pump has the turns, tidying keeps the log that was read short.
"""

from collections.abc import Callable, Mapping

from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.tally import Tally
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.assigning import Assigning
from services.dispatcher.flow.attempting import Attempting
from services.dispatcher.flow.clearing import Clearing, Store
from services.dispatcher.flow.ports import Assignments, Clock, Processor, Queue, Settlements, Source
from services.dispatcher.flow.pump import Pump
from services.dispatcher.flow.settling import Settling
from services.dispatcher.flow.stories import Stories
from services.dispatcher.flow.taking import Taking
from services.dispatcher.flow.tidying import Tidying


class Dispatching:
    """One dispatcher.

    Args:
        owner: this process, as its lines name it.
        traffic, tally, log_read: its state.
        queue, source, settlements, assignments: the streams.
        processors: by generation; may change meanwhile.
        store: whether it went back in time.
        clock: time and chance.
        is_alive: whether another process, named as in its lines, has been heard of lately.
        together_s: as of Assigning.
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
        self.stories = Stories(traffic, tally)
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
            stories=self.stories,
            clock=clock,
        )
        self.clearing = Clearing(store=store, processors=processors, settling=self.settling, tally=tally)
        self.pump = Pump(traffic, source, clock, self.attempting.start)
        self.stories.on_end(self.pump.kick)
        self.taking = Taking(
            owner=owner,
            log_read=log_read,
            traffic=traffic,
            tally=tally,
            queue=queue,
            settling=self.settling,
            clearing=self.clearing,
            store=store,
            stories=self.stories,
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
        """Start nothing more: what is known of the log is worth nothing any more."""
        self.pump.stop()
        self.taking.stop()
        self.assigning.abandon()

    async def abandon(self, within_s: float) -> None:
        """Start nothing more, as the log that was read is worth nothing any more, and let the calls under way end."""
        self.start_nothing_more()
        await self.stories.finish(within_s)
