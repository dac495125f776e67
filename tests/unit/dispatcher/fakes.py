"""Fakes of the dispatcher's own small ports.

Each fake does what the test sets and records its calls in one common list: the order is what the tests check.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from services.contracts.assignments import Assignment, TurnAssigned
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentSettled, encode
from services.contracts.money import Cents
from services.contracts.store_errors import StoreUnavailableError
from services.dispatcher.core.doubt import NO_DOUBT, Doubt
from services.dispatcher.core.in_hand import Head
from services.dispatcher.core.outcome import Booked
from services.dispatcher.core.route import Rules

RULES = Rules(
    settle_within_ms=10_000, spill_after_ms=1_000, slow_call_ms=1_400, calls_per_s_max=1_000, in_flight_max=256
)
HOME, DEAR = "home", "dear"
AT_HOME, AT_DEAR = "home/1", "dear/1"
ME, OTHER = "dispatcher-1/me", "dispatcher-2/other"
ID = "00000000-0000-4000-8000-000000000001"
NOON = datetime(2025, 7, 15, 12, tzinfo=UTC)
BOOKED = Booked(recorded=None)
SETTLED = PaymentSettled(
    id=ID, amount_cents=Cents(1990), processor=DEAR, requested_at=NOON, accepted_at=NOON, payment_seq=1
)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message of PAYMENTS."""

    seq: int = 1
    stored_ns: int = 1 << 62
    handle: str = "handle"
    data: bytes = encode(PaymentAccepted(ID, Cents(1990), NOON))
    pending: int = 0
    traceparent: str | None = None


class FakeClock:
    """Advances only by sleeping, which returns at once."""

    def __init__(self) -> None:
        self.ms = 1_000_000.0
        self.slept = 0
        self.spans = 0

    def now_ms(self) -> float:
        """Return the time of the calls."""
        return self.ms

    def stamp(self) -> datetime:
        """Return UTC, in step with the time of the calls."""
        return NOON + timedelta(milliseconds=self.ms - 1_000_000)

    def jitter(self) -> float:
        """Return the same in every run."""
        return 1.0

    def span_id(self) -> str:
        """Return the next number."""
        self.spans += 1
        return f"{self.spans:016x}"

    async def sleep_ms(self, ms: float) -> None:
        """Let the time pass."""
        self.ms += ms
        self.slept += 1
        await asyncio.sleep(0)


@dataclass(slots=True)
class FakeQueue:
    """Records acks and naks."""

    noted: list[str]

    async def ack(self, handle: str) -> None:
        """Record it."""
        self.noted.append(f"ack {handle}")

    async def nak(self, handle: str, delay_s: float) -> None:
        """Record it, and whether there is a delay; how long does not matter."""
        self.noted.append(f"nak {handle}{'' if delay_s else ' at once'}")


@dataclass(slots=True)
class FakeStore:
    """What is doubtful, and how long absence does not count yet."""

    doubt: Doubt = NO_DOUBT
    counts_in_ms: float = 0.0

    def absence_counts_in_ms(self) -> float:
        """Return it."""
        return self.counts_in_ms


class FakeSource:
    """Records what it was asked for; the test sets what is outstanding."""

    def __init__(self) -> None:
        self.outstanding = 0
        self.asked: list[int] = []

    def pull(self, count: int) -> None:
        """Record it."""
        self.asked.append(count)
        self.outstanding = count

    async def head(self, now_ms: float, now_micros: int) -> Head:
        """Return that nothing waits."""
        return Head(0, now_ms)

    async def in_progress(self, handle: str) -> None:
        """Do nothing: nothing is in hand."""


@dataclass(slots=True)
class FakeSettlements:
    """SETTLEMENTS; ``away``: that many look-ups are not answered."""

    noted: list[str]
    settled: dict[str, PaymentSettled | PaymentRefused] = field(default_factory=dict)
    events: list[PaymentSettled | PaymentRefused] = field(default_factory=list)
    away: int = 0
    stores_failing: int = 0

    async def find(self, payment_ids: Sequence[str]) -> Mapping[str, PaymentSettled | PaymentRefused]:
        """Record it, and answer."""
        self.noted.append("find")
        if self.away:
            self.away -= 1
            raise StoreUnavailableError("find")
        return {each: self.settled[each] for each in payment_ids if each in self.settled}

    async def store(self, event: PaymentSettled | PaymentRefused) -> bool:
        """Store it, unless it must fail some more times."""
        self.noted.append(f"store {event.processor}")
        if self.stores_failing:
            self.stores_failing -= 1
            return False
        self.events.append(event)
        self.settled[event.id] = event
        return True


@dataclass(slots=True)
class FakeAssignments:
    """ASSIGNMENTS: what is stored is read at once, by ``read``, unless ``unread`` keeps it.

    ``losing``: that many messages are not stored; ``deaf``: that many are stored and their PubAck is lost.
    """

    noted: list[str]
    read: Callable[[Assignment, int], None]
    last_seq: int = 0
    losing: int = 0
    deaf: int = 0
    unread: list[tuple[Assignment, int]] | None = None
    published: list[TurnAssigned] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    purged: list[int] = field(default_factory=list)

    async def publish(self, message: TurnAssigned) -> bool:
        """As ``send``."""
        return self.send(message)

    def send(self, message: TurnAssigned) -> bool:
        """Record its lines, and store it, or not."""
        self.published.append(message)
        self.noted += [f"{line.kind} {line.generation}" for line in message.lines] or ["mark"]
        if self.losing:
            self.losing -= 1
            return False
        self.write(message)
        if self.deaf:
            self.deaf -= 1
            return False
        return True

    def write(self, message: Assignment) -> int:
        """Store what any process wrote; return its sequence."""
        self.last_seq += 1
        if self.unread is not None:
            self.unread.append((message, self.last_seq))
        else:
            self.read(message, self.last_seq)
        return self.last_seq

    def catch_up(self) -> None:
        """Read what was kept, and keep nothing more."""
        kept, self.unread = self.unread or [], None
        for message, at in kept:
            self.read(message, at)

    def purge_before(self, at: int) -> None:
        """Record it."""
        self.purged.append(at)

    async def delete(self, at: int) -> None:
        """Record it."""
        self.deleted.append(at)


async def settle_down() -> None:
    """Let every task run until it waits for something that the test must set."""
    for _ in range(24):  # more turns of the loop than any task here takes from one wait to the next
        await asyncio.sleep(0)
