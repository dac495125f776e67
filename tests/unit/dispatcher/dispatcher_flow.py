"""A dispatcher's flow with fakes around it, which a test runs step by step."""

from services.contracts.assignments import Assignment, Line, TurnAssigned, processor_of
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.counters import Counters
from services.dispatcher.core.in_hand import InHand, Start
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.dispatching import Dependencies, Dispatching
from tests.unit.dispatcher.fake_processor import FakeProcessor
from tests.unit.dispatcher.fakes import (
    AT_DEAR,
    AT_HOME,
    DEAR,
    HOME,
    ID,
    ME,
    OTHER,
    RULES,
    Delivered,
    FakeAssignments,
    FakeClock,
    FakeQueue,
    FakeSettlements,
    FakeSource,
    FakeStore,
    settle_down,
)

GENERATIONS = {HOME: AT_HOME, DEAR: AT_DEAR}


class Dispatcher:
    """The flow with fakes around it. The tests route payments by name, or let the real traffic do so."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.clock = FakeClock()
        self.traffic = Traffic((AT_HOME, AT_DEAR), RULES)
        self.counters = Counters((HOME, DEAR))
        self.queue = FakeQueue(self.noted)
        self.settlements = FakeSettlements(self.noted)
        self.assignments = FakeAssignments(self.noted, self._read)
        self.home = FakeProcessor(HOME, self.noted, self.clock)
        self.dear = FakeProcessor(DEAR, self.noted, self.clock)
        self.log = AssignmentLog()
        self.alive: set[str] = set()
        self.waits: int | None = 0
        self.store = FakeStore()
        flow = Dispatching(
            Dependencies(
                owner=ME,
                traffic=self.traffic,
                counters=self.counters,
                log_read=self.log,
                queue=self.queue,
                source=FakeSource(),
                settlements=self.settlements,
                assignments=self.assignments,
                processors={AT_HOME: self.home, AT_DEAR: self.dear},
                store=self.store,
                clock=self.clock,
                is_alive=self.alive.__contains__,
            )
        )
        flow.scheduler.stop()  # the tests start calls themselves
        self.flow = flow
        self.tasks, self.assigning, self.settling = flow.tasks, flow.assigning, flow.settling
        self.attempting, self.taking, self.tidying = flow.attempting, flow.taking, flow.tidying

    def _read(self, message: Assignment, at: int) -> None:
        self.assigning.read(message, at)

    def others(self, *lines: Line, owner: str = OTHER) -> int:
        """Have another process write lines in one message; return its sequence."""
        return self.assignments.write(TurnAssigned(owner, 1, lines))

    def inherited(self, processor: str = HOME, payment_id: str = ID, seq: int = 1) -> int:
        """Have the payment assigned by a process that is dead; return the sequence of its line."""
        return self.others(Line(payment_id, seq, GENERATIONS[processor]))

    async def waiting(self) -> int | None:
        """Return how many payments PAYMENTS holds; None: not known."""
        return self.waits

    @property
    def payment(self) -> InHand:
        """The payment in hand."""
        return self.traffic.in_hand[ID]

    async def deliver(self, **what: object) -> None:
        """Deliver a message, and run until nothing more happens by itself."""
        self.taking.deliver(Delivered(**what))  # type: ignore[arg-type]
        await settle_down()

    async def routed_to(self, processor: str) -> None:
        """Route the waiting payment there, whatever the traffic would choose."""
        payment = self.payment
        self.traffic._ready.clear()
        self.traffic._later.clear()
        payment.attempts += 1
        self.attempting.start(Start(payment, GENERATIONS[processor]))
        await settle_down()

    async def time_passes(self, ms: float = 10_000) -> list[str]:
        """Let time pass and start what the real traffic starts then; return where it went."""
        self.clock.ms += ms
        starts = self.traffic.starts(self.clock.now_ms())
        for start in starts:
            self.attempting.start(start)
        await settle_down()
        return [processor_of(start.generation) for start in starts]

    def close_home(self) -> None:
        """Make the home processor fail, with no canary due: what may move moves now, once it is old enough."""
        evidence, now_ms = self.traffic.evidence(AT_HOME), self.clock.now_ms()
        for token in [evidence.sent(now_ms) for _ in range(3)]:
            evidence.failed(token, now_ms)
