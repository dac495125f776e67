"""Section 5 as a whole: no order of deliveries, answers, losses and deaths has a payment charged twice, or lost.

Two real dispatchers in a simulated world (``protocol_world``), driven by hypothesis. The run is the same each time;
``MODEL_EXAMPLES=20000`` runs so many others, by chance.
"""

import logging
import os
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.unit.dispatcher.protocol_world import Call, Dispatcher, How, World

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "0"))
STEPS = 20
IDS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(1, 4)]
CENTS = 1990
ACCEPTED_MAX = 6  # payments and repetitions of them

which = st.integers(0, 5)  # of those that there are, round and round
one_of_two = st.integers(0, 1)
answers: st.SearchStrategy[How] = st.sampled_from(
    ["truth", "truth", "truth", "500", "500", "500 booked", "429", "404", "400", "400", "not sent"]
)
fates = st.sampled_from(["answered", "answered", "only carried out", "not answered", "neither"])


class Try(NamedTuple):
    """One attempt: where to, and what becomes of its POST, or of the call at which it stops on the way there."""

    to: int
    calls: int
    how: How
    fate: str


# Six: more calls than a takeover and a move make before a POST.
calls_before = st.sampled_from([6, 6, 6, 6, 0, 0, 1, 2, 3])
tries = st.lists(st.builds(Try, which, calls_before, answers, fates), min_size=1, max_size=3)


class Protocol(RuleBasedStateMachine):
    """Everything that may happen to two dispatchers, one thing at a time."""

    world: World

    @initialize(
        processors=st.sampled_from([("home", "dear"), ("home", "dear", "dearest")]),
        max_ack_pending=st.sampled_from([1, 2, 3]),
    )
    def begin(self, processors: tuple[str, ...], max_ack_pending: int) -> None:
        """Both dispatchers are connected, and then a payment is accepted, which is fresh for that reason."""
        self.world = World(processors, max_ack_pending)
        for dispatcher in self.world.dispatchers:
            self._connect(dispatcher)
        self.world.accept(IDS[0], CENTS)

    # ---- the queue

    def _may_accept(self) -> bool:
        return len(self.world.nats.ids) < len(IDS)

    @precondition(_may_accept)
    @rule()
    def accept(self) -> None:
        """Another payment."""
        self.world.accept(IDS[len(self.world.nats.ids)], CENTS)

    def _may_accept_again(self) -> bool:
        return len(self.world.nats.accepted) < ACCEPTED_MAX and bool(self.world.nats.left)

    @precondition(_may_accept_again)
    @rule(n=which, cents=st.sampled_from([CENTS, CENTS + 1]))
    def accept_again(self, n: int, cents: int) -> None:
        """The same id after the idempotency window, with whatever amount."""
        left = self.world.nats.left
        self.world.accept(left[n % len(left)], cents)

    def _awake(self) -> list[Dispatcher]:
        return [one for one in self.world.dispatchers if not one.is_frozen]

    def _may_deliver(self) -> bool:
        return bool(self.world.nats.deliverable) and any(one.is_open for one in self.world.dispatchers)

    @precondition(_may_deliver)
    @rule(d=one_of_two, n=which, reads=st.booleans())
    def deliver(self, d: int, n: int, *, reads: bool) -> None:
        """A first delivery, or another one of what was not acked in time; read at once, or later."""
        dispatcher = self.world.dispatchers[d]
        self._deliver(dispatcher if dispatcher.is_open else self.world.dispatchers[1 - d], n)
        if reads:
            self._read(dispatcher)

    def _deliver(self, dispatcher: Dispatcher, n: int) -> None:
        deliverable = self.world.nats.deliverable
        seq = deliverable[-1 - n % len(deliverable)]
        dispatcher.inbox.append((dispatcher.generation, self.world.nats.deliver(seq)))

    def _read(self, dispatcher: Dispatcher) -> None:
        while dispatcher.inbox and not dispatcher.is_frozen:
            self.world.run(dispatcher.read)

    # ---- calls

    @precondition(lambda self: self._awake())
    @rule(d=one_of_two, n=which, tries=tries, then=st.integers(0, 4))
    def attempts(self, d: int, n: int, tries: list[Try], then: int) -> None:
        """A dispatcher makes some attempts in a row, of one that it has or gets, and maybe does what follows of it."""
        awake = self._awake()
        dispatcher = awake[d % len(awake)]
        if not dispatcher.waiting and dispatcher.is_open and self.world.nats.deliverable:
            self._deliver(dispatcher, n)
        self._read(dispatcher)
        for one in tries:
            self._attempt(dispatcher, n, one)
        self._go_well(dispatcher, then)

    def _attempt(self, dispatcher: Dispatcher, n: int, one: Try) -> None:
        for _ in range(one.calls):
            if dispatcher.waiting:
                self._send(dispatcher, n, one.to)
            if any(call.is_post for call in dispatcher.calls):
                break
            self._go_well(dispatcher, 1)
        if dispatcher.calls:
            self._goes_on(dispatcher.calls[-1], one.how, one.fate)

    @precondition(lambda self: any(one.waiting for one in self._awake()))
    @rule(n=which, to=which)
    def send(self, n: int, to: int) -> None:
        """A payment that waits is sent: anywhere, if it may move."""
        senders = [one for one in self._awake() if one.waiting]
        self._send(senders[n % len(senders)], n, to)

    def _send(self, dispatcher: Dispatcher, n: int, to: int) -> None:
        payment = dispatcher.waiting[n % len(dispatcher.waiting)]
        name = self.world.processors[to % len(self.world.processors)]
        processor = name if payment.binding.may_move else payment.binding.processor
        self.world.run(lambda: dispatcher.send(payment, processor))

    def _calls(self) -> list[Call]:
        return [call for one in self._awake() for call in one.calls]

    @precondition(lambda self: self._calls())
    @rule(n=which, how=answers, fate=fates)
    def call_goes_on(self, n: int, how: How, fate: str) -> None:
        """One call under way is carried out, answered, both, or neither."""
        calls = self._calls()
        self._goes_on(calls[n % len(calls)], how, fate)

    def _goes_on(self, call: Call, how: How, fate: str) -> None:
        if fate != "neither":
            call.carry_out(how)
        if fate == "answered":
            self.world.answer(call)
        elif fate != "only carried out":
            self.world.leave_unanswered(call)

    @precondition(lambda self: self._calls())
    @rule(d=one_of_two, steps=st.integers(1, 5))
    def calls_go_well(self, d: int, steps: int) -> None:
        """A dispatcher gets some truthful answers, one after the other."""
        self._go_well(self.world.dispatchers[d], steps)

    def _go_well(self, dispatcher: Dispatcher, steps: int) -> None:
        for _ in range(0 if dispatcher.is_frozen else steps):
            if dispatcher.calls:
                self.world.answer(dispatcher.calls[0])
            self.world.hear_acks()

    # ---- what happens now and then

    @rule(what=st.sampled_from(["late", "read", "acks", "time", "connect"]), d=one_of_two, n=which)
    def something_happens(self, what: str, d: int, n: int) -> None:
        """A late request, what a connection brought, or an ack arrives; time passes; a connection begins."""
        dispatcher = self.world.dispatchers[d]
        match what:
            case "late" if self.world.late:
                self.world.late.pop(n % len(self.world.late)).carry_out()
            case "acks":
                self.world.hear_acks()
            case _ if dispatcher.is_frozen:
                pass
            case "read":
                self.world.run(dispatcher.read)
            case "connect" if not dispatcher.is_open and not dispatcher.is_connecting:
                self.world.run(dispatcher.connect)
            case _:
                self.world.clock.ms += 11_000
                self.world.run(dispatcher.start_what_may)

    @rule(
        what=st.sampled_from(["kill nats", "kill nats", "freeze", "freeze", "crash", "cut"]),
        d=one_of_two,
        forgotten=st.integers(0, 8),
        keeps_removed=st.booleans(),
        connects=st.sampled_from([True, True, False]),
    )
    def something_breaks(self, what: str, d: int, forgotten: int, *, keeps_removed: bool, connects: bool) -> None:
        """A connection ends, a dispatcher is killed, or the server, which forgets; or a dispatcher stands still."""
        dispatcher = self.world.dispatchers[d]
        match what:
            case "freeze":
                dispatcher.is_frozen = not dispatcher.is_frozen  # while its requests go on
            case "kill nats":
                self.world.kill_nats(forgotten, keeps_removed=keeps_removed)
            case "crash":
                self.world.crash(dispatcher)
            case _:
                self.world.cut(dispatcher)
        for one in self._awake() if connects else []:
            if not one.is_open and not one.is_connecting:
                self._connect(one)

    def _connect(self, dispatcher: Dispatcher) -> None:
        self.world.run(dispatcher.connect)
        while calls := [call for call in dispatcher.calls if call.what == "prepare"]:
            self.world.answer(calls[0])

    # ---- what must hold

    @invariant()
    def no_promise_is_broken(self) -> None:
        """At any moment."""
        self.world.check()

    def teardown(self) -> None:
        """At rest, too."""
        if not hasattr(self, "world"):
            return
        try:
            if not self.world.nats.violations:
                self.world.rest()
                self.world.check_at_rest()
        finally:
            self.world.close()


def test_no_order_of_events_charges_twice_or_loses(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever happens in whatever order: one processor books a payment, it is recorded, and then it leaves."""
    caplog.set_level(logging.CRITICAL + 1, logger="tarifa.dispatcher")
    run_state_machine_as_test(
        Protocol,
        settings=settings(
            max_examples=EXAMPLES or 650,
            stateful_step_count=STEPS,
            derandomize=not EXAMPLES,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )
