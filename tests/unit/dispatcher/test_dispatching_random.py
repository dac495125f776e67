"""Section 5 at random: several real dispatchers, one world in which anything goes wrong at any time.

Beside the explorer of ``tests/model``, which knows every interleaving of small worlds, and of the protocol only: this
one runs the flow itself, and finds what an implementation does between the lines. Always the same examples.
"""

import contextlib
import logging
from collections.abc import Sequence
from typing import TypeVar, get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.contracts.assignments import AssignmentReleased
from services.contracts.events import PaymentAccepted, PaymentSettled, encode
from services.contracts.money import Cents
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, NOON, Delivered
from tests.unit.dispatcher.random_process import Process
from tests.unit.dispatcher.random_world import Ending, Published, Stored, World

PROCESSES_MAX = 3
PAYMENTS_MAX = 5
ROUNDS_MAX = 40
A_WHILE_MS = 12_000.0

T = TypeVar("T")
which = st.integers(0, 5)  # of however many there are
endings = st.sampled_from(get_args(Ending))
places = st.sampled_from([AT_HOME, AT_DEAR])


class Dispatchers(RuleBasedStateMachine):
    """Dispatchers come and go; payments come again and again; nobody is charged twice."""

    def __init__(self) -> None:
        super().__init__()
        logging.getLogger("tarifa").setLevel(logging.CRITICAL + 1)
        self.world = World()
        self.begun = 0
        self.processes: list[Process] = []
        self.payments: dict[str, Delivered] = {}  # by id, as they were accepted first
        self.seq = 0

    @initialize()
    def begin(self) -> None:
        """Two dispatchers and a payment."""
        self.start()
        self.start()
        self.accept()

    # ---- payments

    @precondition(lambda self: len(self.payments) < PAYMENTS_MAX)
    @rule()
    def accept(self) -> None:
        """Accept a new payment."""
        number = len(self.payments) + 1
        payment_id = f"00000000-0000-4000-8000-{number:012}"
        self.payments[payment_id] = self._accepted(PaymentAccepted(payment_id, Cents(100 + number), NOON))

    @rule(payment=which, to=which, again=st.booleans())
    def deliver(self, payment: int, to: int, again: bool) -> None:  # noqa: FBT001
        """Deliver one: acked or not, in other hands or not, or accepted again under another sequence."""
        delivery = _one(list(self.payments.values()), payment)
        if again:
            delivery = Delivered(self._next(), delivery.stored_ns, f"{delivery.handle}+", delivery.data)
        if self.processes:
            _one(self.processes, to).deliver(delivery)
        self._go_on()

    @rule(ms=st.sampled_from([50.0, 500.0, A_WHILE_MS]), health=st.booleans())
    def time_passes(self, ms: float, health: bool) -> None:  # noqa: FBT001
        """Let time pass, and every dispatcher start what it starts then."""
        self.world.clock.let_pass(ms)
        if health:
            self._hear()
        for process in self.processes:
            process.turn()
        self._go_on()

    # ---- processors

    @rule(place=places, mood=endings | st.just("slow"), answers=st.booleans())
    def change(self, place: str, mood: str, answers: bool) -> None:  # noqa: FBT001
        """Have a processor do another thing with what it gets from now on."""
        processor = self.world.processors[place]
        processor.mood, processor.answers_look_ups = mood, answers  # type: ignore[assignment]

    @precondition(lambda self: any(each.flights for each in self.world.processors.values()))
    @rule(flight=which, how=endings)
    def answer(self, flight: int, how: Ending) -> None:
        """End a POST under way: whether anybody waits for it or not."""
        _one([f for each in self.world.processors.values() for f in each.flights], flight).end(how)
        self._go_on()

    # ---- the streams

    @rule(words=st.lists(st.sampled_from(["stored unheard", "lost", "late"]), min_size=1, max_size=2))
    def publish_badly(self, words: list[Published]) -> None:
        """Say what becomes of the next messages to the log."""
        self.world.publishing.extend(words)

    @precondition(lambda self: self.world.late)
    @rule(message=which)
    def come_late(self, message: int) -> None:
        """Have a message stored of which its author heard nothing."""
        self.world.write(_one(self.world.late, message))
        self._go_on()

    @rule(words=st.lists(st.sampled_from(["away", "slow"]), min_size=1, max_size=2))
    def ask_badly(self, words: list[str]) -> None:
        """Say what becomes of the next look-ups."""
        self.world.asking.extend(words)  # type: ignore[arg-type]

    @precondition(lambda self: self.world.held)
    @rule()
    def answer_look_ups(self) -> None:
        """Have the answers arrive that were on their way."""
        held, self.world.held = self.world.held, []
        for each in held:
            if not each.done():
                each.set_result(None)
        self._go_on()

    @rule(words=st.lists(st.sampled_from(["not stored", "stored unheard"]), min_size=1, max_size=3))
    def store_badly(self, words: list[Stored]) -> None:
        """Say what becomes of the next settlements."""
        self.world.storing.extend(words)

    @rule(reader=which, lags=st.booleans())
    def lag(self, reader: int, lags: bool) -> None:  # noqa: FBT001
        """Have a dispatcher read on only when told, or as before."""
        if self.processes:
            process = _one(self.processes, reader)
            process.lags = lags
            process.read_on(None if not lags else 1)
        self._go_on()

    # ---- dispatchers

    @precondition(lambda self: len(self.processes) < PROCESSES_MAX)
    @rule()
    def start(self) -> None:
        """Start a dispatcher."""
        self.begun += 1
        self.processes.append(Process(self.world, f"dispatcher/{self.begun}"))

    @precondition(lambda self: self.processes)
    @rule(process=which, heard_of=st.booleans())
    def kill(self, process: int, heard_of: bool) -> None:  # noqa: FBT001
        """Kill a dispatcher; others may take it for living a while longer."""
        killed = _one(self.processes, process)
        self._end(killed)
        if not heard_of:
            self.world.alive.discard(killed.owner)
        self._go_on()

    @precondition(lambda self: self.processes)
    @rule(process=which, within_s=st.sampled_from([0.0, 60.0]))
    def stop(self, process: int, within_s: float) -> None:
        """Stop a dispatcher in order; its patience may be at an end at once."""
        _one(self.processes, process).stop(within_s)
        self._go_on()

    @rule(number=which, heard_of=st.booleans())
    def hear_of(self, number: int, heard_of: bool) -> None:  # noqa: FBT001
        """Have a dispatcher, living or not, heard of or not any more."""
        owner = f"dispatcher/{number % self.begun + 1}"
        (self.world.alive.add if heard_of else self.world.alive.discard)(owner)

    @precondition(lambda self: self.processes)
    @rule(process=which)
    def tidy(self, process: int) -> None:
        """Have a dispatcher forget what others settled."""
        _one(self.processes, process).tidy()
        self._go_on()

    @precondition(lambda self: self.processes)
    @rule(payment=which, to=places)
    def release(self, payment: int, to: str) -> None:
        """Have an operator release a payment of which no POST is under way and none was booked: at no risk."""
        payment_id = _one(list(self.payments), payment)
        reader = next((each for each in self.processes if not each.lags), None)
        view = reader and reader.log.view(payment_id)
        booked = any(payment_id in each.book for each in self.world.processors.values())
        under_way = any(f.id == payment_id for each in self.world.processors.values() for f in each.flights)
        asked = self.world.held and any(each.lags for each in self.processes)
        if view is not None and view.state == "assigned" and not (booked or under_way or asked):
            self.world.write(AssignmentReleased(payment_id, 1, view.last, to.partition("/")[0], "", NOON))
            self._go_on()

    # ---- what must hold

    @invariant()
    def nobody_is_charged_twice(self) -> None:
        """No payment is booked by two processors."""
        books = [set(each.book) for each in self.world.processors.values()]
        assert not books[0] & books[1], "charged twice"

    @invariant()
    def settled_is_what_was_booked(self) -> None:
        """SETTLEMENTS say what the books say, and never two things of one payment."""
        assert not self.world.conflicts
        books = {each.name: each.book for each in self.world.processors.values()}
        for payment_id, event in self.world.settled.items():
            if isinstance(event, PaymentSettled):
                found = books[event.processor].get(payment_id)
                assert found is not None, "recorded but not charged"
                assert (found.amount_cents, found.requested_at) == (event.amount_cents, event.requested_at)
            else:
                assert not any(payment_id in book for book in books.values()), "refused and charged"

    @invariant()
    def nothing_breaks_by_itself(self) -> None:
        """No story broke off but where a bug was made on purpose."""
        assert not [each.owner for each in self.processes if each.bugs]

    def teardown(self) -> None:
        """All is well again: every payment ends, once."""
        with contextlib.closing(self.world.loop):
            try:
                if self.payments:
                    self._all_is_well()
            finally:
                for process in tuple(self.processes):
                    self._end(process)
                self.world.settle_down()

    def _all_is_well(self) -> None:
        world = self.world
        for mishaps in (world.publishing, world.asking, world.storing):
            mishaps.clear()
        for processor in world.processors.values():
            processor.answers_look_ups = True
            for flight in tuple(processor.flights):
                flight.end("books")
        for message in world.late:
            world.write(message)
        while len(self.processes) < 2:  # noqa: PLR2004
            self.start()
        world.alive = {each.owner for each in self.processes}
        for turn in range(ROUNDS_MAX):
            # One processor after the other has an outage, so that each books something: only then a refusal counts.
            for number, processor in enumerate(world.processors.values()):
                processor.mood = "refuses the connection" if turn % 6 == 3 * number else "books"
            left = [each for each in self.payments.values() if each.handle not in world.acked]
            if not left and turn >= 6:
                break
            self._round(left)
        self.nobody_is_charged_twice()
        self.settled_is_what_was_booked()
        self.nothing_breaks_by_itself()
        unsettled = [each for each in self.payments if each not in world.settled]
        assert not unsettled, f"never settled: {unsettled}"

    def _round(self, left: list[Delivered]) -> None:
        self.answer_look_ups()
        self.world.clock.let_pass(A_WHILE_MS)
        self._hear()
        fresh = self._accepted(PaymentAccepted(f"00000000-0000-4000-8000-1{self.seq:011}", Cents(1), NOON))
        for process in self.processes:
            process.lags = False
            process.read_on()
            for delivery in (*left, fresh):
                process.deliver(delivery)
            self._go_on()
            process.turn()
            self._go_on()

    def _hear(self) -> None:
        health = {place: each.mood != "books" for place, each in self.world.processors.items()}
        for process in self.processes:
            process.hear(health)

    def _accepted(self, event: PaymentAccepted) -> Delivered:
        return Delivered(self._next(), handle=event.id, data=encode(event))

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def _end(self, process: Process) -> None:
        self.processes.remove(process)
        process.die()

    def _go_on(self) -> None:
        self.world.settle_down()
        for process in tuple(self.processes):
            if process.stopping is not None and process.stopping.done():
                self._end(process)
                self.world.alive.discard(process.owner)
        self.world.settle_down()


def _one(things: Sequence[T], number: int) -> T:
    return things[number % len(things)]


TestDispatchers = Dispatchers.TestCase
TestDispatchers.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
