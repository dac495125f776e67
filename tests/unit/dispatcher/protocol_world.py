"""One simulated world around two dispatchers: NATS, processors, and every request on its way between them.

Nothing happens by itself. Each call of a port is a ``Call`` that the test carries out, answers, or leaves unanswered
when it likes, in any order; what was never carried out may still be, long after its caller gave up or was killed.
The flow (``Settling``) and the core are the real ones. ``World.check`` holds the promises of section 5.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heapify
from typing import Any, Literal, NamedTuple

from services.bus.connection import BusAwayError
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentSettled, encode
from services.contracts.money import Cents
from services.dispatcher.core.binding import BoundTo, mark_of
from services.dispatcher.core.outcome import (
    Absent,
    Answer,
    AskProcessor,
    Found,
    Lookup,
    LookupFailed,
    NoAnswer,
    NotSent,
    Outcome,
    Reply,
    outcome_after_lookup,
    outcome_of,
)
from services.dispatcher.core.traffic import InHand, Start, Traffic
from services.dispatcher.flow.settling import Settling
from tests.unit.dispatcher.fakes import NOON, RULES, Delivered

TURNS = 4  # of the loop: more than any story here takes from one wait to the next
TIRELESS = 200  # bounds what a world at rest may take to settle all it has: calls, or rounds of everything

How = Literal["truth", "500", "500 booked", "429", "404", "400", "not sent"]


class Violation(AssertionError):  # noqa: N818  # it is told, not handled
    """A promise of section 5 was broken."""


@dataclass(slots=True, eq=False)
class Call:
    """One request under way. ``silence`` is what its caller gets where no answer comes.

    ``writes``: it changes something, so that it matters when it is carried out after its caller is gone.
    """

    owner: "Dispatcher"
    what: str
    act: Callable[[How], Any]
    silence: Any
    writes: bool
    answer: asyncio.Future[Any]
    carried_out: bool = False
    result: Any = None

    @property
    def is_post(self) -> bool:
        """Whether it asks a processor for a charge."""
        return self.what.startswith("POST")

    def carry_out(self, how: How = "truth") -> None:
        """Have it done, once; its answer waits."""
        if not self.carried_out:
            self.carried_out, self.result = True, self.act(how)


class Consumer(NamedTuple):
    """What the server knows of the durable consumer, and may know no more after it was killed."""

    delivered: int = 0
    pending: tuple[tuple[int, int], ...] = ()  # sequence, times delivered
    gone: frozenset[int] = frozenset()


class JetStream:
    """PAYMENTS with its consumer, SETTLEMENTS and bindings. Stored is stored; the consumer's state may go back."""

    def __init__(self, max_ack_pending: int) -> None:
        self.max_ack_pending = max_ack_pending
        self.accepted: list[PaymentAccepted] = []  # by sequence, from 1
        self.states = [Consumer()]
        self.settlements: list[PaymentSettled | PaymentRefused] = []
        self.bindings: dict[str, BoundTo] = {}
        self.deliveries: Counter[str] = Counter()
        self.revision = 0
        self.violations: list[str] = []

    @property
    def state(self) -> Consumer:
        """What the consumer is now."""
        return self.states[-1]

    @property
    def ids(self) -> list[str]:
        """All ids ever accepted, in order."""
        return list(dict.fromkeys(event.id for event in self.accepted))

    @property
    def waiting(self) -> list[int]:
        """The sequences that have not left the queue."""
        return [seq for seq in range(1, len(self.accepted) + 1) if seq not in self.state.gone]

    @property
    def left(self) -> list[str]:
        """The ids that have left the queue, and are not in it again."""
        waiting = {self.accepted[seq - 1].id for seq in self.waiting}
        return [payment_id for payment_id in self.ids if payment_id not in waiting]

    @property
    def deliverable(self) -> list[int]:
        """What may be delivered now: the next one, if there is room, and whatever was not acked in time."""
        known = [seq for seq, _ in self.state.pending]
        if len(known) < self.max_ack_pending:
            known += [seq for seq in self.waiting if seq > self.state.delivered][:1]
        return known

    def deliver(self, seq: int) -> Delivered:
        """Deliver one; ack_wait of an earlier delivery has passed, or it was given back."""
        pending = dict(self.state.pending)
        pending[seq] = pending.get(seq, 0) + 1
        self._now(delivered=max(seq, self.state.delivered), pending=tuple(pending.items()))
        event = self.accepted[seq - 1]
        self.deliveries[event.id] += 1
        return Delivered(seq, pending[seq], str(seq), encode(event), len(self.waiting))

    def ack(self, seq: int) -> None:
        """Have one leave the queue, if the server remembers having delivered it."""
        pending = dict(self.state.pending)
        if seq not in pending:
            return
        if self.find_settlement(self.accepted[seq - 1].id) is None:
            self.violations.append(f"sequence {seq} leaves the queue, and no settlement says what became of it")
        del pending[seq]
        self._now(pending=tuple(pending.items()), gone=self.state.gone | {seq})

    def forget(self, count: int, *, keeps_removed: bool) -> None:
        """Go back by so many deliveries and acks; what left the stream may come back or not."""
        gone = self.state.gone
        del self.states[max(1, len(self.states) - count) :]
        if keeps_removed:
            pending = tuple(held for held in self.state.pending if held[0] not in gone)
            self._now(pending=pending, gone=gone | self.state.gone)

    def find_settlement(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """Return the newest that SETTLEMENTS has of the payment."""
        return next((event for event in reversed(self.settlements) if event.id == payment_id), None)

    def write_binding(self, payment_id: str, processor: str, revision: int) -> int | None:
        """Write by compare-and-set."""
        known = self.bindings.get(payment_id)
        if (known.revision if known else 0) != revision:
            return None
        self.revision += 1
        self.bindings[payment_id] = BoundTo(processor, self.revision)
        return self.revision

    def _now(self, **change: Any) -> None:
        self.states.append(self.state._replace(**change))


@dataclass(slots=True)
class Clock:
    """Moves on by a millisecond with each stamp, so that no two attempts have the same."""

    ms: float = 1_000_000.0

    def now_ms(self) -> float:
        """Return the time of the calls."""
        return self.ms

    def stamp(self) -> datetime:
        """Return a stamp that nobody else has."""
        self.ms += 1
        return NOON + timedelta(milliseconds=self.ms - 1_000_000)

    def jitter(self) -> float:
        """Return what chance always gives here."""
        return 0.5

    async def sleep_ms(self, ms: float) -> None:
        """Let the time pass."""
        self.ms += ms
        await asyncio.sleep(0)


class World:
    """NATS, the processors' books, two dispatchers, and the requests that nobody waits for any more."""

    def __init__(self, processors: tuple[str, ...], max_ack_pending: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.processors = processors
        self.nats = JetStream(max_ack_pending)
        self.books: dict[str, dict[str, Found]] = {name: {} for name in processors}
        self.late: list[Call] = []
        self.acks: list[tuple[Dispatcher, int]] = []  # on their way
        self.dispatchers = [Dispatcher(self), Dispatcher(self)]

    def run(self, act: Callable[[], object]) -> None:
        """Do something, and let every story go on until it waits for the world."""

        async def turn() -> None:
            act()
            for _ in range(TURNS):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turn())

    def close(self) -> None:
        """End every story."""
        self.run(lambda: [task.cancel() for task in asyncio.all_tasks() if task is not asyncio.current_task()])
        self.loop.close()

    # ---- what the world does

    def accept(self, payment_id: str, cents: int) -> None:
        """Store a payment, as ingress does."""
        self.nats.accepted.append(PaymentAccepted(payment_id, Cents(cents), self.clock.stamp()))

    def post(self, processor: str, payment_id: str, cents: int, requested_at: datetime, how: How) -> Reply:
        """Let a processor handle a POST: book unless it has, or fail in one of its ways."""
        failures: dict[str, Reply] = {
            "500": Answer(500, "500"),
            "429": Answer(429, "429"),
            "404": Answer(404, "404"),
            "400": Answer(400, "400"),
            "not sent": NotSent("connection refused"),
        }
        if how in failures:
            return failures[how]
        book = self.books[processor]
        if payment_id in book:
            return Answer(422, "already exists")
        book[payment_id] = Found(Cents(cents), requested_at)
        return Answer(500, "500") if how == "500 booked" else Answer(200, "booked")

    def store(self, event: PaymentSettled | PaymentRefused) -> bool:
        """Store a settlement, which must be true."""
        if isinstance(event, PaymentSettled):
            booked = self.books[event.processor].get(event.id)
            if booked != Found(event.amount_cents, event.requested_at):
                self.nats.violations.append(f"stored as settled: {event}, but booked is {booked}")
        self.nats.settlements.append(event)
        return True

    def bind(self, payment_id: str, processor: str, revision: int) -> int | None:
        """Write a binding, and tell those who follow the bucket."""
        written = self.nats.write_binding(payment_id, processor, revision)
        if written is not None:
            for dispatcher in self.dispatchers:
                dispatcher.inbox.append(payment_id)
        return written

    def answer(self, call: Call) -> None:
        """Carry a call out, unless it was, and give the caller the answer."""
        call.carry_out()
        self._end(call, call.result)

    def leave_unanswered(self, call: Call) -> None:
        """Have the caller give up; what was not carried out may be at any later time."""
        self._end(call, call.silence)
        self._outlives(call)

    def _end(self, call: Call, result: Any) -> None:
        call.owner.calls.remove(call)
        give = call.answer.set_exception if isinstance(result, Exception) else call.answer.set_result
        self.run(lambda: give(result))

    def _outlives(self, call: Call) -> None:
        if call.writes and not call.carried_out:
            self.late.append(call)

    def hear_acks(self) -> None:
        """Let the acks on their way arrive."""
        arriving, self.acks = self.acks, []
        for _, seq in arriving:
            self.nats.ack(seq)

    def cut(self, dispatcher: "Dispatcher") -> None:
        """End a connection; acks on their way are lost, what has arrived will still be read."""
        dispatcher.is_open = False
        if dispatcher.opening is not None:
            self.run(dispatcher.opening.cancel)
        for call in [call for call in dispatcher.calls if call.what == "prepare"]:
            dispatcher.calls.remove(call)
        self.acks = [ack for ack in self.acks if ack[0] is not dispatcher]

    def kill_nats(self, forgotten: int, *, keeps_removed: bool) -> None:
        """Kill the server and start it again, with what it last wrote down of its consumer."""
        for dispatcher in self.dispatchers:
            self.cut(dispatcher)
        self.nats.forget(forgotten, keeps_removed=keeps_removed)

    def crash(self, dispatcher: "Dispatcher") -> None:
        """Kill a dispatcher and start another one in its place; its requests under way live on."""
        self.cut(dispatcher)
        for call in dispatcher.calls:
            self._outlives(call)
        self.run(lambda: [task.cancel() for task in dispatcher.settling._tasks])
        self.dispatchers[self.dispatchers.index(dispatcher)] = Dispatcher(self)

    # ---- what must hold

    def booked_by(self, payment_id: str) -> list[str]:
        """Return which processors have booked an id."""
        return [name for name, book in self.books.items() if payment_id in book]

    def check(self) -> None:
        """Raise unless every promise is kept that must hold at any moment."""
        for payment_id in self.nats.ids:
            booked = self.booked_by(payment_id)
            if len(booked) > 1:
                self.nats.violations.append(f"{payment_id} is charged twice: {booked}")
            if booked and self._is_refused(payment_id) and self.nats.deliveries[payment_id] == 1:
                self.nats.violations.append(f"{payment_id} is refused for good, and charged by {booked}")
        if any(dispatcher.settling.counts.get("bug") for dispatcher in self.dispatchers):
            self.nats.violations.append("a story ended with an exception")
        self._tell()

    def check_at_rest(self) -> None:
        """Raise unless each payment was charged once, SETTLEMENTS says where, and nothing waits."""
        self.check()
        if self.nats.waiting:
            self.nats.violations.append(f"sequences {self.nats.waiting} are still in the queue")
        for payment_id in self.nats.ids:
            booked, settled = self.booked_by(payment_id), self._settled_at(payment_id)
            # Refused in one pair of hands and booked in another: the book and the audit report that, people decide.
            if not self._is_refused(payment_id) and (len(booked) != 1 or settled != set(booked)):
                self.nats.violations.append(f"{payment_id} is charged by {booked}, but SETTLEMENTS says {settled}")
        self._tell()

    def _tell(self) -> None:
        if self.nats.violations:
            raise Violation(self.nats.violations[0])

    def _settled_at(self, payment_id: str) -> set[str]:
        events = [event for event in self.nats.settlements if isinstance(event, PaymentSettled)]
        return {event.processor for event in events if event.id == payment_id}

    def _is_refused(self, payment_id: str) -> bool:
        return any(isinstance(event, PaymentRefused) and event.id == payment_id for event in self.nats.settlements)

    # ---- how it comes to rest

    def rest(self) -> None:
        """Let everybody work truthfully until there is nothing left to do, then let come what nobody waits for."""
        for turn in range(TIRELESS):
            for dispatcher in self.dispatchers:
                dispatcher.work()
            if not self.nats.waiting and not any(dispatcher.is_busy for dispatcher in self.dispatchers):
                break
            self._deliver_what_nobody_holds(self.dispatchers[turn % 2])
            self.clock.ms += 15_000
            self.check()
        for call in self.late:
            call.carry_out()

    def _deliver_what_nobody_holds(self, to: "Dispatcher") -> None:
        held = {payment.seq for one in self.dispatchers for payment in one.traffic.in_hand.values()}
        for seq in self.nats.deliverable:
            if seq not in held:
                to.inbox.append((to.generation, self.nats.deliver(seq)))


@dataclass(slots=True)
class ProcessorPort:
    """A processor as one dispatcher calls it: what ``adapters.processor_api`` makes of its answers."""

    dispatcher: "Dispatcher"
    name: str

    async def charge(self, payment_id: str, amount_cents: int, requested_at: datetime) -> Outcome:
        """POST, and GET where the answer does not say."""
        world = self.dispatcher.world
        reply = await self.dispatcher.ask(
            f"POST {self.name} {payment_id}",
            lambda how: world.post(self.name, payment_id, amount_cents, requested_at, how),
            silence=NoAnswer("no answer"),
            writes=True,
        )
        outcome = outcome_of(reply)
        if isinstance(outcome, AskProcessor):
            return outcome_after_lookup(reply, await self.look_up(payment_id))
        return outcome

    async def look_up(self, payment_id: str) -> Lookup:
        """GET."""
        book = self.dispatcher.world.books[self.name]
        found: Lookup = await self.dispatcher.ask(
            f"GET {self.name} {payment_id}",
            lambda _: book.get(payment_id, Absent()),
            silence=LookupFailed("no answer"),
        )
        return found


@dataclass(eq=False)
class Dispatcher:
    """A dispatcher's process: the real flow over ports that ask the world, and its connection to NATS."""

    world: World
    calls: list[Call] = field(default_factory=list)
    followed: set[str] = field(default_factory=set)
    acked: deque[int] = field(default_factory=deque)
    # What came over the connection and was not read yet, in order: ids bound, deliveries with their generation.
    inbox: deque[str | tuple[int, Delivered]] = field(default_factory=deque)
    opening: asyncio.Task[None] | None = None
    generation: int = 0
    is_open: bool = False
    is_frozen: bool = False

    def __post_init__(self) -> None:
        names = self.world.processors
        self.traffic = Traffic(names, RULES)
        self.settling = Settling(
            home=names[0],
            traffic=self.traffic,
            queue=self,
            records=self,
            processors={name: ProcessorPort(self, name) for name in names},
            clock=self.world.clock,
            on_change=lambda: None,
        )

    @property
    def is_connecting(self) -> bool:
        """Whether it reads what it must know before its first pull."""
        return any(call.what == "prepare" for call in self.calls)

    @property
    def is_busy(self) -> bool:
        """Whether anything here is not finished."""
        return bool(self.calls or self.inbox or self.traffic.in_hand or self.world.acks)

    async def ask(self, what: str, act: Callable[[How], Any], *, silence: Any = None, writes: bool = False) -> Any:
        """Have a request under way until the world answers it."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        silence = BusAwayError(what) if silence is None else silence
        self.calls.append(Call(self, what, act, silence, writes, answer))
        return await answer

    # ---- Queue and Records

    async def ack(self, handle: str) -> None:
        """Send an ack."""
        self.acked.append(int(handle))
        self.world.acks.append((self, int(handle)))

    async def nak(self, handle: str, delay_s: float) -> None:
        """Nothing: what was not acked comes again whenever the world likes."""

    def has_binding(self, payment_id: str) -> bool:
        """Return whether an entry was seen."""
        return payment_id in self.followed

    async def find_settlement(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """Ask."""
        found: PaymentSettled | PaymentRefused | None = await self.ask(
            "find_settlement", lambda _: self.world.nats.find_settlement(payment_id)
        )
        return found

    async def find_binding(self, payment_id: str) -> BoundTo | None:
        """Ask."""
        found: BoundTo | None = await self.ask("find_binding", lambda _: self.world.nats.bindings.get(payment_id))
        return found

    async def bind(self, payment_id: str, processor: str, revision: int) -> int | None:
        """Ask for the compare-and-set."""
        written: int | None = await self.ask(
            f"bind {processor}", lambda _: self.world.bind(payment_id, processor, revision), writes=True
        )
        if written is not None:
            self.followed.add(payment_id)
        return written

    async def store(self, event: PaymentSettled | PaymentRefused) -> bool:
        """Ask; without an answer it may be stored all the same."""
        return bool(await self.ask("store", lambda _: self.world.store(event), silence=False, writes=True))

    # ---- the connection

    def connect(self) -> None:
        """Begin a new connection: what the old one brought is of another generation from here on."""
        self.generation += 1
        self.opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        """As ``adapters.payment_stream`` and ``bus.work_queue`` do before the first pull."""
        nats = self.world.nats
        try:
            self.followed |= await self.ask("prepare", lambda _: set(nats.bindings))
            seen = self.settling.seq_seen
            last = await self.ask("prepare", lambda _: len(nats.accepted))
            delivered = await self.ask("prepare", lambda _: nats.state.delivered)
            tail = await self.ask("prepare", lambda _: nats.settlements[-(nats.max_ack_pending + 1) :])
        except BusAwayError:
            return
        mark = mark_of(
            stream_last=last,
            delivered=delivered,
            settled_max=max((event.payment_seq for event in tail), default=0),
            seen_max=seen,
            max_ack_pending=nats.max_ack_pending,
        )
        self.settling.read_mark(mark)
        self.world.acks += [(self, seq) for seq in list(self.acked)[-nats.max_ack_pending :]]
        self.is_open = True

    def read(self) -> None:
        """Read what the connection brought, up to the next delivery."""
        while self.inbox:
            came = self.inbox.popleft()
            if isinstance(came, str):
                self.followed.add(came)
                continue
            generation, delivery = came
            if generation != self.generation:  # no first delivery can be told any more
                delivery = Delivered(
                    delivery.seq, max(2, delivery.num_delivered), delivery.handle, delivery.data, delivery.pending
                )
            self.settling.deliver(delivery)
            return

    # ---- what waits to be sent

    @property
    def waiting(self) -> list[InHand]:
        """What is in hand and waits to be sent, or sent again."""
        lanes = [lane.bound for lane in self.traffic._lanes.values()]
        return [*self.traffic._ready, *(entry[2] for heap in (self.traffic._later, *lanes) for entry in heap)]

    def send(self, payment: InHand, processor: str) -> None:
        """Start a waiting payment's call there, whatever the traffic would say."""
        for heap in (self.traffic._later, *(lane.bound for lane in self.traffic._lanes.values())):
            heap[:] = [entry for entry in heap if entry[2] is not payment]
            heapify(heap)
        self.traffic._ready[:] = [one for one in self.traffic._ready if one is not payment]
        payment.attempts += 1
        self.settling.start(Start(payment, processor, canary=False))

    def start_what_may(self) -> None:
        """Start what the real traffic lets start now."""
        for start in self.traffic.starts(self.world.clock.now_ms()):
            self.settling.start(start)

    def work(self) -> None:
        """Do everything that can be done now, with truthful answers."""
        world = self.world
        self.is_frozen = False
        if not self.is_open and not self.is_connecting:
            world.run(self.connect)
        for _ in range(TIRELESS):
            while self.inbox:
                world.run(self.read)
            world.run(self.start_what_may)
            world.hear_acks()
            if not self.calls:
                return
            world.answer(self.calls[0])
        raise Violation(f"no end of it: {[call.what for call in self.calls]}")
