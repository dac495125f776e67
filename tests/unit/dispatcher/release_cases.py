"""A payment in doubt, the streams and processors around it, and a dispatcher that releases it."""

from dataclasses import dataclass, field
from datetime import timedelta

from services.contracts.assignments import AssignmentReleased, Line, TurnAssigned
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentReleased, PaymentSettled
from services.contracts.money import Cents
from services.contracts.operating import ListedProcessor
from services.contracts.releasing import Confirmed, ReleaseAnswered, Why
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.doubt import NO_DOUBT, Doubt
from services.dispatcher.core.outcome import Absent, Lookup, LookupFailed
from services.dispatcher.core.releasing import NotStoredError
from services.dispatcher.flow.releasing import Releasing
from tests.unit.dispatcher.fake_processor import FakeProcessor
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, DEAR, HOME, ID, NOON, OTHER, FakeClock

CONFIRMED = Confirmed(HOME, 2, "home is gone")
AT = NOON + timedelta(milliseconds=600)  # home was asked three times
EVENT = PaymentReleased(ID, HOME, DEAR, "home is gone", AT)


def listed(name: str, generation: str = "") -> ListedProcessor:
    """Return a processor that charges."""
    return ListedProcessor(name, generation or f"{name}/1", "open", 0.05, f"http://{name}:1", None)


def why(answer: ReleaseAnswered) -> Why | None:
    """Return why it was not released."""
    assert (answer.refusal is None) != (answer.released is None)
    return None if answer.refusal is None else answer.refusal.why


@dataclass
class Streams:
    """PAYMENTS, SETTLEMENTS and ASSIGNMENTS, which this dispatcher reads at once; ``noted`` is what was written."""

    log: AssignmentLog
    waits: PaymentAccepted | None = field(default_factory=lambda: PaymentAccepted(ID, Cents(1990), NOON))
    settled: PaymentSettled | PaymentRefused | None = None
    events: tuple[PaymentReleased, ...] = ()
    in_doubt: bool | None = True  # according to the process that has it first-hand
    doubt: Doubt = NO_DOUBT
    counts_in_ms: float = 0
    is_writable: bool = True
    has_room: bool = True  # ASSIGNMENTS
    is_read: bool = True
    is_caught_up: bool = True
    before_line: AssignmentReleased | Line | None = None  # another author's, written right before ours
    noted: list[object] = field(default_factory=list)

    async def accepted(self, payment_id: str) -> tuple[PaymentAccepted, int] | None:
        """PAYMENTS."""
        return None if self.waits is None else (self.waits, 5)

    async def settlement(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """SETTLEMENTS."""
        return self.settled

    async def releases(self, payment_id: str) -> tuple[PaymentReleased, ...]:
        """SETTLEMENTS."""
        return self.events

    async def is_in_doubt(self, payment_id: str, owner: str) -> bool | None:
        """Return the answer of its dispatcher."""
        assert owner == OTHER
        return self.in_doubt

    def absence_counts_in_ms(self) -> float:
        """How long nothing follows from "not there"."""
        return self.counts_in_ms

    async def processors(self) -> tuple[ListedProcessor, ...]:
        """The bucket."""
        return listed(HOME), listed(DEAR)

    async def record_event(self, event: PaymentReleased) -> None:
        """SETTLEMENTS."""
        if not self.is_writable:
            raise NotStoredError("full")
        self.noted.append(event)
        self.events = (*self.events, event)

    async def write_line(self, line: AssignmentReleased) -> int:
        """ASSIGNMENTS."""
        if not self.has_room:
            raise NotStoredError("no room")
        if self.before_line is not None:
            self.write(self.before_line)
        self.noted.append((line.after, line.to_processor, line.seq))
        at = self.log.read_to + 1
        if self.is_read:
            self.log.read(line, at)
        return at

    def write(self, line: AssignmentReleased | Line) -> None:
        """Have a line of others read."""
        message = line if isinstance(line, AssignmentReleased) else TurnAssigned(OTHER, 9, (line,))
        self.log.read(message, self.log.read_to + 1)

    def assign(self, generation: str = AT_HOME) -> None:
        """Have it assigned to a processor; a second time, it is taken over."""
        self.write(Line(ID, 5, generation, after=self.log.after(ID)))


class Ground:
    """A payment that was taken over at home, which does not answer; the dear one does not have it.

    ``lines``: 1: it was not taken over, and what became of it only its dispatcher knows.
    """

    def __init__(self, lines: int = 2) -> None:
        clock = FakeClock()
        self.streams = Streams(AssignmentLog())
        for _ in range(lines):
            self.streams.assign()
        self.home, self.dear = FakeProcessor(HOME, [], clock), FakeProcessor(DEAR, [], clock)
        self.answer(LookupFailed("silence"), Absent())
        self.releasing = Releasing(
            log_read=self.streams.log,
            records=self.streams,
            processors={AT_HOME: self.home, AT_DEAR: self.dear},
            clock=clock,
            store=self.streams,
            is_read=lambda: self.streams.is_caught_up,
        )

    def answer(self, home: Lookup, dear: Lookup) -> None:
        """Have the processors answer like this, however often they are asked."""
        for processor, lookup in ((self.home, home), (self.dear, dear)):
            processor.lookups.clear()
            processor.lookups.extend([lookup] * 9)
