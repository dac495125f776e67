"""What the random test uses: dispatchers that start and end in one world, what must hold in it, and a good end."""

import contextlib
import logging
from collections.abc import Sequence
from typing import TypeVar

from hypothesis.stateful import RuleBasedStateMachine, invariant

from services.contracts.events import PaymentAccepted, PaymentSettled, encode
from services.contracts.money import Cents
from services.dispatcher.core.outcome import Found
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, NOON, Delivered
from tests.unit.dispatcher.random_process import Process
from tests.unit.dispatcher.random_world import World

A_WHILE_MS = 12_000.0
ROUNDS_MAX = 40

T = TypeVar("T")


class Ground(RuleBasedStateMachine):
    """Without rules: those are in the test."""

    def __init__(self) -> None:
        super().__init__()
        self._logger = logging.getLogger("tarifa")
        self._level = self._logger.level
        self._logger.setLevel(logging.CRITICAL + 1)
        self.world = World()
        self.begun = 0
        self.processes: list[Process] = []
        self.payments: dict[str, Delivered] = {}  # by id, as they were first accepted
        self.seq = 0

    # ---- what must hold

    @invariant()
    def no_payment_is_charged_twice(self) -> None:
        """No payment is booked by two processors."""
        books = [set(each.book) for each in self.world.processors.values()]
        assert not books[0] & books[1], "charged twice"

    @invariant()
    def settlements_match_the_bookings(self) -> None:
        """SETTLEMENTS agree with the books, and never say two things about one payment."""
        assert not self.world.wrongs, self.world.wrongs
        books = {each.name: each.book for each in self.world.processors.values()}
        for payment_id, event in self.world.settled.items():
            if isinstance(event, PaymentSettled):
                found = books[event.processor].get(payment_id)
                assert found is not None, "recorded but not charged"
                assert found == Found(event.amount_cents, event.requested_at), "not recorded as it is booked"
            else:
                assert not any(payment_id in book for book in books.values()), "refused and charged"

    @invariant()
    def no_task_fails_by_itself(self) -> None:
        """No task failed except where a bug was made on purpose."""
        assert not any(each.bugs for each in self.processes), "a task failed by itself"

    def teardown(self) -> None:
        """Everything works again: every payment ends, once."""
        with contextlib.closing(self.world.loop):
            try:
                if self.payments:
                    self._everything_works()
            finally:
                for process in tuple(self.processes):
                    self.end_process(process)
                self.world.settle_down()
                self._logger.setLevel(self._level)

    def _everything_works(self) -> None:
        world = self.world
        for mishaps in world.mishaps.values():
            mishaps.clear()
        for processor in world.processors.values():
            processor.mood, processor.answers_look_ups = "books", True
            for flight in tuple(processor.flights):
                flight.end("books")
        for message in world.late:
            world.write(message)
        for process in [each for each in self.processes if each.stopping is not None]:
            self.end_process(process)
        self.run_until_idle()  # at least one lives
        for process in self.processes:
            process.take_at((AT_HOME, AT_DEAR))
        world.alive.clear()
        world.alive.update(each.owner for each in self.processes)
        for turn in range(ROUNDS_MAX):
            # One processor after the other has an outage, so that each books something: only then does a refusal count.
            for number, processor in enumerate(world.processors.values()):
                processor.mood = "refuses the connection" if turn % 6 == 3 * number else "books"
            left = [each for each in self.payments.values() if each.handle not in world.acked]
            if not left and turn >= 6:
                break
            self._round(left)
        self.no_payment_is_charged_twice()
        self.settlements_match_the_bookings()
        self.no_task_fails_by_itself()
        unsettled = [each for each in self.payments if each not in world.settled]
        assert not unsettled, f"never settled: {unsettled}"

    def answer_held(self) -> None:
        """Have the answers of SETTLEMENTS that were under way arrive."""
        held, self.world.held = self.world.held, []
        for each in held:
            if not each.done():
                each.set_result(None)
        self.run_until_idle()

    def let_pass(self, ms: float) -> None:
        """Let time pass, and have every dispatcher start what it starts then."""
        self.world.clock.let_pass(ms)
        self.run_until_idle()
        for process in self.processes:
            process.turn()
        self.run_until_idle()

    def _round(self, left: list[Delivered]) -> None:
        self.answer_held()
        self.world.clock.let_pass(A_WHILE_MS)
        self.add_health()
        for process in self.processes:
            fresh = self.accepted(PaymentAccepted(f"00000000-0000-4000-8000-1{self.seq:011}", Cents(1), NOON))
            process.lags = False
            process.read_on()
            for delivery in (*left, fresh):
                process.deliver(delivery)
            self.run_until_idle()
            process.turn()
            self.run_until_idle()

    def add_health(self) -> None:
        """Have every dispatcher receive the processors' health."""
        health = {generation: each.mood != "books" for generation, each in self.world.processors.items()}
        for process in self.processes:
            process.add_health(health)

    def accepted(self, event: PaymentAccepted) -> Delivered:
        """Return a payment as PAYMENTS holds it."""
        return Delivered(self.next_seq(), handle=event.id, data=encode(event))

    def next_seq(self) -> int:
        """Return the next sequence of PAYMENTS."""
        self.seq += 1
        return self.seq

    def begin_process(self) -> None:
        """Start a dispatcher."""
        self.begun += 1
        self.processes.append(Process(self.world, f"dispatcher/{self.begun}"))

    def end_process(self, process: Process) -> None:
        """End a dispatcher at once."""
        self.processes.remove(process)
        process.die()

    def run_until_idle(self) -> None:
        """Run everything until nothing moves; a stopped dispatcher ends, and at least one lives."""
        self.world.settle_down()
        for process in tuple(self.processes):
            process.turn()
            if process.stopping is not None and process.stopping.done():
                self.end_process(process)
                self.world.alive.discard(process.owner)
        if not self.processes:
            self.begin_process()
        self.world.settle_down()


def one_of(things: Sequence[T], number: int) -> T:
    """Return one of them, however many there are."""
    return things[number % len(things)]
