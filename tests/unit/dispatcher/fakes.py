"""Fakes of the dispatcher's own small ports, and a dispatcher's flow put together with them.

Each fake does what it is told and notes what it was asked, in one common list: the order is what the tests are about.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from services.bus.connection import BusAwayError
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentSettled, encode
from services.contracts.money import Cents
from services.dispatcher.core.binding import BoundTo
from services.dispatcher.core.outcome import Absent, Booked, Lookup, Outcome
from services.dispatcher.core.route import Rules
from services.dispatcher.core.traffic import InHand, Start, Traffic
from services.dispatcher.flow.settling import Settling

RULES = Rules(
    settle_within_ms=10_000, spill_after_ms=1_000, slow_call_ms=1_400, calls_per_s_max=1_000, in_flight_max=256
)
HOME, DEAR = "home", "dear"
ID = "00000000-0000-4000-8000-000000000001"
NOON = datetime(2025, 7, 15, 12, tzinfo=UTC)
BOOKED = Booked(recorded=None)
SETTLED = PaymentSettled(
    id=ID, amount_cents=Cents(1990), processor=DEAR, requested_at=NOON, accepted_at=NOON, payment_seq=1
)
TURNS = 12  # of the loop: more than any story here takes from one wait to the next


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message of PAYMENTS."""

    seq: int = 1
    num_delivered: int = 1
    handle: str = "handle"
    data: bytes = encode(PaymentAccepted(ID, Cents(1990), NOON))
    pending: int = 0


class FakeClock:
    """Stands still until told; whoever sleeps goes on at once, and the time with it."""

    def __init__(self) -> None:
        self.ms = 1_000_000.0
        self.slept = 0

    def now_ms(self) -> float:
        """Return the time of the calls."""
        return self.ms

    def stamp(self) -> datetime:
        """Return UTC, in step with the time of the calls."""
        return NOON + timedelta(milliseconds=self.ms - 1_000_000)

    def jitter(self) -> float:
        """Return what chance always gives here."""
        return 1.0

    async def sleep_ms(self, ms: float) -> None:
        """Let the time pass."""
        self.ms += ms
        self.slept += 1
        await asyncio.sleep(0)


@dataclass(slots=True)
class FakeQueue:
    """Notes acks and naks."""

    noted: list[str]

    async def ack(self, handle: str) -> None:
        """Note it."""
        self.noted.append(f"ack {handle}")

    async def nak(self, handle: str, delay_s: float) -> None:
        """Note it; the delay does not matter, but that there is one."""
        self.noted.append(f"nak {handle}{'' if delay_s else ' at once'}")


@dataclass(slots=True)
class FakeRecords:
    """Bindings with revisions, and SETTLEMENTS; ``away`` names what NATS does not answer."""

    noted: list[str]
    bindings: dict[str, BoundTo] = field(default_factory=dict)
    settled: dict[str, PaymentSettled | PaymentRefused] = field(default_factory=dict)
    events: list[PaymentSettled | PaymentRefused] = field(default_factory=list)
    away: set[str] = field(default_factory=set)
    overtaken_by: str | None = None  # somebody else writes the binding right before us
    stores_failing: int = 0
    revision: int = 10

    def has_binding(self, payment_id: str) -> bool:
        """Return whether there is an entry."""
        return payment_id in self.bindings

    async def find_settlement(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """Note it, and answer."""
        self._asked("find_settlement")
        return self.settled.get(payment_id)

    async def find_binding(self, payment_id: str) -> BoundTo | None:
        """Note it, and answer."""
        self._asked("find_binding")
        return self.bindings.get(payment_id)

    async def bind(self, payment_id: str, processor: str, revision: int) -> int | None:
        """Write by compare-and-set."""
        self._asked(f"bind {processor}")
        if self.overtaken_by is not None:
            self._write(payment_id, self.overtaken_by)
        known = self.bindings.get(payment_id)
        if (known.revision if known else 0) != revision:
            return None
        return self._write(payment_id, processor)

    async def store(self, event: PaymentSettled | PaymentRefused) -> bool:
        """Store, unless it is to fail some more times."""
        self._asked(f"store {event.processor}")
        if self.stores_failing:
            self.stores_failing -= 1
            return False
        self.events.append(event)
        self.settled[event.id] = event
        return True

    def _asked(self, what: str) -> None:
        self.noted.append(what)
        if what.partition(" ")[0] in self.away:
            raise BusAwayError(what)

    def _write(self, payment_id: str, processor: str) -> int:
        self.revision += 1
        self.bindings[payment_id] = BoundTo(processor, self.revision)
        return self.revision


@dataclass(slots=True)
class FakeProcessor:
    """Gives the outcomes and look-ups it was told, one after the other; ``gate`` keeps calls until it is set."""

    name: str
    noted: list[str]
    clock: FakeClock
    outcomes: deque[Outcome | Exception] = field(default_factory=deque)
    lookups: deque[Lookup] = field(default_factory=deque)
    stamps: list[datetime] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def charge(self, payment_id: str, amount_cents: int, requested_at: datetime) -> Outcome:
        """Note the call, and give the next outcome."""
        self.noted.append(f"charge {self.name}")
        self.stamps.append(requested_at)
        if self.gate is not None:
            await self.gate.wait()
        self.clock.ms += 10
        outcome = self.outcomes.popleft()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def look_up(self, payment_id: str) -> Lookup:
        """Note the call, and give the next look-up."""
        self.noted.append(f"look_up {self.name}")
        return self.lookups.popleft() if self.lookups else Absent()


class Dispatcher:
    """Settling with fakes around it. Payments are routed by the tests themselves, by name, or by the real traffic."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.clock = FakeClock()
        self.traffic = Traffic((HOME, DEAR), RULES)
        self.queue = FakeQueue(self.noted)
        self.records = FakeRecords(self.noted)
        self.home = FakeProcessor(HOME, self.noted, self.clock)
        self.dear = FakeProcessor(DEAR, self.noted, self.clock)
        self.settling = Settling(
            home=HOME,
            traffic=self.traffic,
            queue=self.queue,
            records=self.records,
            processors={HOME: self.home, DEAR: self.dear},
            clock=self.clock,
            on_change=lambda: None,
        )

    @property
    def payment(self) -> InHand:
        """The payment in hand."""
        return self.traffic.in_hand[ID]

    async def deliver(self, **what: object) -> None:
        """Deliver a message, and let come of it what comes without another call."""
        self.settling.deliver(Delivered(**what))  # type: ignore[arg-type]
        await settle_down()

    async def routed_to(self, processor: str) -> None:
        """Have the waiting payment routed there, whatever the traffic would say."""
        payment = self.payment
        self.traffic._ready.clear()
        self.traffic._later.clear()
        payment.attempts += 1
        self.settling.start(Start(payment, processor, canary=False))
        await settle_down()

    async def time_passes(self, ms: float = 10_000) -> list[str]:
        """Let time pass, start what the real traffic starts then; return where it went."""
        self.clock.ms += ms
        starts = self.traffic.starts(self.clock.now_ms())
        for start in starts:
            self.settling.start(start)
        await settle_down()
        return [start.processor for start in starts]

    def close_home(self) -> None:
        """Let the home processor fail, with no canary due: what may move now moves, once it is old enough."""
        evidence, now_ms = self.traffic.evidence(HOME), self.clock.now_ms()
        for token in [evidence.sent(now_ms) for _ in range(3)]:
            evidence.failed(token, now_ms)


async def settle_down() -> None:
    """Let every story go on until it waits for something that will not come by itself."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
