"""Section 5 at random: several real dispatchers, one world in which anything goes wrong at any time.

The explorer of ``tests/model`` tries every interleaving of small worlds, but only of the protocol. This test runs the
flow itself, and finds what only an implementation gets wrong. Always the same examples.
"""

from typing import get_args

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from services.contracts.assignments import AssignmentReleased
from services.contracts.events import PaymentAccepted
from services.contracts.money import Cents
from tests.unit.dispatcher.fakes import AT_DEAR, AT_HOME, NOON, Delivered
from tests.unit.dispatcher.random_ground import A_WHILE_MS, Ground, one_of
from tests.unit.dispatcher.random_world import MISHAPS, Ending, Mishap, Mood

PROCESSES_MAX = 3
PAYMENTS_MAX = 5
PATIENT_S = 22.0  # as a dispatcher with CALL_TIMEOUT_S=10

which = st.integers(0, 5)  # of however many there are
endings = st.sampled_from(get_args(Ending))
moods = st.sampled_from((*get_args(Ending), "slow"))
generations = st.sampled_from([AT_HOME, AT_DEAR])


class Dispatchers(Ground):
    """Dispatchers start and end; payments are delivered again and again; no payment is charged twice."""

    @initialize(moods=st.tuples(moods, moods))
    def begin(self, moods: tuple[Mood, Mood]) -> None:
        """Two dispatchers and two payments."""
        for _ in range(2):
            self.begin_process()
            self.accept()
        for processor, mood in zip(self.world.processors.values(), moods, strict=True):
            processor.mood = mood

    # ---- payments

    @precondition(lambda self: len(self.payments) < PAYMENTS_MAX)
    @rule()
    def accept(self) -> None:
        """Accept a new payment."""
        number = len(self.payments) + 1
        payment_id = f"00000000-0000-4000-8000-{number:012}"
        self.payments[payment_id] = self.accepted(PaymentAccepted(payment_id, Cents(100 + number), NOON))

    @rule(
        payments=st.lists(which, min_size=1, max_size=3),
        to=which,
        again=st.sampled_from([False, False, True]),
        ms=st.sampled_from([0.0, 500.0, A_WHILE_MS]),
    )
    def deliver(self, payments: list[int], to: int, again: bool, ms: float) -> None:  # noqa: FBT001
        """Deliver some: acked or not, in hand elsewhere or not, or accepted again under another sequence."""
        for number in payments:
            delivery = one_of(list(self.payments.values()), number)
            if again:
                delivery = Delivered(self.next_seq(), delivery.stored_ns, f"{delivery.handle}+", delivery.data)
            one_of(self.processes, to).deliver(delivery)
        self.run_until_idle()
        self.let_pass(ms)

    @rule(to=which, health=st.booleans())
    def deliver_all(self, to: int, health: bool) -> None:  # noqa: FBT001
        """Deliver to one dispatcher what was not acked, as the stream does in the end; perhaps health replies too."""
        if health:
            self.add_health()
        for delivery in self.payments.values():
            if delivery.handle not in self.world.acked:
                one_of(self.processes, to).deliver(delivery)
        self.run_until_idle()
        self.let_pass(500.0)

    @rule(ms=st.sampled_from([50.0, 500.0, A_WHILE_MS]), health=st.booleans())
    def time_passes(self, ms: float, health: bool) -> None:  # noqa: FBT001
        """Let time pass, and have every dispatcher start what it starts then."""
        if health:
            self.add_health()
        self.let_pass(ms)

    # ---- processors

    @rule(generation=generations, mood=moods, answers=st.sampled_from([True, True, False]))
    def change(self, generation: str, mood: Mood, answers: bool) -> None:  # noqa: FBT001
        """Change what a processor does with what it gets from now on."""
        processor = self.world.processors[generation]
        processor.mood, processor.answers_look_ups = mood, answers

    @rule(process=which, taking=st.sampled_from([(AT_HOME, AT_DEAR), (AT_DEAR,), (AT_HOME,), ()]))
    def pause(self, process: int, taking: tuple[str, ...]) -> None:
        """Change which processors are paused for a dispatcher, sooner or later than for others."""
        one_of(self.processes, process).take_at(taking)
        self.run_until_idle()

    @precondition(lambda self: any(each.flights for each in self.world.processors.values()))
    @rule(flight=which, how=endings)
    def answer(self, flight: int, how: Ending) -> None:
        """End a POST under way, whether or not its sender still waits."""
        one_of([f for each in self.world.processors.values() for f in each.flights], flight).end(how)
        self.run_until_idle()

    # ---- the streams

    @rule(word=st.sampled_from(MISHAPS), times=st.integers(1, 2))
    def go_wrong(self, word: Mishap, times: int) -> None:
        """Set what happens to the next messages to the log, look-ups or settlements."""
        self.world.mishaps[word[0]].extend([word[1]] * times)

    @precondition(lambda self: self.world.late)
    @rule(message=which)
    def come_late(self, message: int) -> None:
        """Store a message that its author got no confirmation for."""
        self.world.write(one_of(self.world.late, message))
        self.run_until_idle()

    @precondition(lambda self: self.world.held)
    @rule()
    def answer_look_ups(self) -> None:
        """Have the answers that were under way arrive."""
        self.answer_held()

    @rule(reader=which, lags=st.booleans())
    def lag(self, reader: int, lags: bool) -> None:  # noqa: FBT001
        """Have a dispatcher read only on request, or as usual."""
        process = one_of(self.processes, reader)
        process.lags = lags
        process.read_on(1 if lags else None)
        self.run_until_idle()

    # ---- dispatchers

    @rule(process=which, how=st.sampled_from(["killed", "killed unnoticed", "stops", "stops at once"]))
    def end(self, process: int, how: str) -> None:
        """Kill a dispatcher, which others may not notice for a while, or stop it in order; another one starts."""
        ending = one_of(self.processes, process)
        if how.startswith("stops"):
            ending.stop(0.0 if how == "stops at once" else PATIENT_S)
        else:
            self.end_process(ending)
            if how == "killed":
                self.world.alive.discard(ending.owner)
        if len(self.processes) < PROCESSES_MAX:
            self.begin_process()
        self.run_until_idle()

    @rule(number=which, alive=st.booleans())
    def set_alive(self, number: int, alive: bool) -> None:  # noqa: FBT001
        """Have a dispatcher, running or not, considered alive or not."""
        owner = f"dispatcher/{self.begun - number % min(self.begun, PROCESSES_MAX)}"
        (self.world.alive.add if alive else self.world.alive.discard)(owner)

    @rule(process=which)
    def tidy(self, process: int) -> None:
        """Have a dispatcher drop the lines of what others settled."""
        one_of(self.processes, process).tidy()
        self.run_until_idle()

    @rule(payment=which, to=generations)
    def release(self, payment: int, to: str) -> None:
        """Have an operator release a payment at no risk: nothing is under way or booked, all have read."""
        payment_id = one_of(list(self.payments), payment)
        view = self.processes[0].log.view(payment_id)
        booked = any(payment_id in each.book for each in self.world.processors.values())
        under_way = any(f.id == payment_id for each in self.world.processors.values() for f in each.flights)
        lag = any(each.lags for each in self.processes)
        if view is not None and view.state == "assigned" and not (booked or under_way or lag):
            self.world.write(AssignmentReleased(payment_id, 1, view.last, to.partition("/")[0], "", NOON))
            self.run_until_idle()


TestDispatchers = Dispatchers.TestCase
TestDispatchers.settings = settings(
    max_examples=300,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # to make a failing example shorter takes minutes: add Phase.shrink for that
)
