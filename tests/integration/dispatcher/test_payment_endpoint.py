"""``dispatcher.payment``: the request to all dispatchers about one payment, over a real bus, with a real log."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from services.bus.jetstream.lookup import first_from
from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.streams import StreamLimits
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import holding, subjects
from services.contracts.assignments import Assignment, AssignmentReleased, Kind, Line, TurnAssigned, encode_assignment
from services.contracts.holding import AssignmentMade, AttemptMade, Holding, HoldingAsked, HoldingsAsked
from services.contracts.money import Cents
from services.dispatcher.adapters.clock import DispatcherClock
from services.dispatcher.adapters.payment_endpoint import BY_LOG_AFTER_S, PaymentEndpoint
from services.dispatcher.core.assignment_log import AssignmentLog
from services.dispatcher.core.in_hand import InHand, attempted
from services.dispatcher.core.outcome import Unknown
from services.dispatcher.core.traffic import Traffic
from services.records.assignments import AssignmentStream, read_up
from tests.nats_server import until
from tests.unit.dispatcher.fakes import NOON, RULES

ME, GONE = "dispatcher-1/me", "dispatcher-9/gone"
CLOCK = DispatcherClock()


@dataclass
class Asked:
    """The reading half of a dispatcher, and its caller."""

    bus: Bus
    log: AssignmentLog = field(default_factory=AssignmentLog)
    traffic: Traffic = field(default_factory=lambda: Traffic(("default/1", "fallback/1"), RULES))

    async def ask(self, payment_id: str, *, life: bool = False) -> Holding | None:
        """Return the first answer; None: no dispatcher knows of it."""
        question = holding.encode(HoldingAsked(payment_id, life))
        try:
            return holding.decode_holding((await self.bus.request(subjects.DISPATCHER_PAYMENT, question, 0.5)).data)
        except BusUnavailableError:
            return None

    async def write(self, message: Assignment) -> int:
        """Write a line by hand and wait until it is read; return its sequence."""
        result = await store(self.bus, subjects.ASSIGNMENTS, subjects.assigned("by-hand"), encode_assignment(message))
        assert isinstance(result, StoredAt)
        await until(lambda: self.log.read_to >= result.seq, "the line is read")
        return result.seq

    async def assign(self, payment_id: str, owner: str, kind: Kind = "send") -> int:
        """Write a line that assigns it to the home."""
        line = Line(payment_id, 1, "default/1", after=self.log.after(payment_id), kind=kind)
        return await self.write(TurnAssigned(owner, 1, (line,)))

    async def stored_at(self, line: int) -> datetime:
        """Return when the server stored a line."""
        found = await first_from(self.bus, subjects.ASSIGNMENTS, line, subjects.ASSIGNMENTS_ALL)
        assert found is not None
        return found.stored_at

    def take(self, payment_id: str, waited_s: float) -> InHand:
        """Take it in hand, as if it had waited that long."""
        since_ms = CLOCK.now_ms() - waited_s * 1000
        payment = InHand(payment_id, Cents(1990), datetime.now(UTC), since_ms, 1, {1: "handle"})
        self.traffic.take(payment)
        return payment


class Others:
    """Dispatchers of which one is gone only lately: its pulses are recent."""

    def owners(self) -> tuple[str, ...]:
        """Return all."""
        return ME, GONE

    def is_gone(self, owner: str) -> bool:
        """Return whether no pulse came for a while."""
        return owner not in self.owners()


@pytest_asyncio.fixture
async def asked(bus: Bus, streams: StreamLimits) -> AsyncIterator[Asked]:
    """One dispatcher that answers."""
    there = Asked(bus)
    following = AssignmentStream(bus, "dispatcher-1").follower(there.log.read)
    reading = asyncio.create_task(following.run())
    await read_up(following)
    await PaymentEndpoint(bus, there.log, there.traffic, ME, Others()).listen()
    yield there
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading


async def test_a_payment_is_assigned_since_its_line_was_stored(asked: Asked) -> None:
    """By the server's clock, and not since it was accepted: it may have waited, or been elsewhere, before."""
    payment_id = str(uuid4())
    payment = asked.take(payment_id, waited_s=60)
    line = await asked.assign(payment_id, ME)
    payment.generation, payment.line, payment.attempts, payment.in_doubt = "default/1", line, 3, True
    known = await asked.ask(payment_id)
    since = await asked.stored_at(line)
    assert known == Holding(payment_id, "default", line, ME, 3, in_doubt=True, since=since, seq=1, in_hand=True, by=ME)


async def test_what_is_in_hand_without_an_owner_has_waited_since_it_came(asked: Asked) -> None:
    """On the dispatcher's own clock, reported as UTC."""
    payment_id = str(uuid4())
    asked.take(payment_id, waited_s=60)
    known = await asked.ask(payment_id)
    assert known is not None
    assert (known.processor, known.line, known.owner, known.in_doubt) == ("", 0, "", False)
    assert known.since is not None
    assert abs(datetime.now(UTC) - timedelta(seconds=60) - known.since) < timedelta(seconds=5)


async def test_for_what_is_in_no_hands_the_log_is_used_a_little_later(asked: Asked) -> None:
    """The dispatcher that its line names may be dead."""
    payment_id = str(uuid4())
    await asked.assign(payment_id, GONE)
    line = await asked.assign(payment_id, ME)
    begun_s = time.monotonic()
    known = await asked.ask(payment_id)
    assert time.monotonic() - begun_s >= BY_LOG_AFTER_S
    since = await asked.stored_at(line)
    assert known == Holding(payment_id, "default", line, ME, attempts=0, in_doubt=True, since=since, seq=1, by=ME)


async def test_what_was_returned_has_no_processor_and_is_not_in_doubt(asked: Asked) -> None:
    """As after an orderly stop; where it was before is no longer where it must go."""
    payment_id = str(uuid4())
    await asked.assign(payment_id, GONE)
    line = await asked.assign(payment_id, GONE, "returned")
    known = await asked.ask(payment_id)
    assert known == Holding(payment_id, "", line, "", attempts=0, in_doubt=False, seq=1, by=ME)


async def test_what_was_released_waits_for_the_processor_that_the_operator_named(asked: Asked) -> None:
    """It was not sent there yet."""
    payment_id = str(uuid4())
    line = await asked.assign(payment_id, GONE)
    line = await asked.write(AssignmentReleased(payment_id, 1, line, "fallback", "a test", datetime.now(UTC)))
    known = await asked.ask(payment_id)
    assert known == Holding(payment_id, "fallback", line, "", attempts=0, in_doubt=False, released=True, seq=1, by=ME)


async def test_an_unknown_payment_gets_no_answer(asked: Asked) -> None:
    """It waits in the stream, is settled, or does not exist: the streams show which."""
    assert await asked.ask(str(uuid4())) is None


async def test_one_payments_life_has_its_lines_and_its_attempts(asked: Asked) -> None:
    """As far as the log still has them, each with when it was stored, and as far as the dispatcher in hand knows."""
    payment_id = str(uuid4())
    first = await asked.assign(payment_id, GONE)
    second = await asked.assign(payment_id, ME)
    released = await asked.write(AssignmentReleased(payment_id, 1, second, "fallback", "a test", datetime.now(UTC)))
    payment = asked.take(payment_id, waited_s=1)
    payment.note(attempted(NOON, "default", 1000.0, Unknown("no answer")))
    known = await asked.ask(payment_id, life=True)
    assert known is not None
    assert known.assignments == (
        AssignmentMade(first, await asked.stored_at(first), "send", "default", GONE),
        AssignmentMade(second, await asked.stored_at(second), "send", "default", ME),
        AssignmentMade(released, await asked.stored_at(released), "released", "fallback", detail="a test"),
    )
    assert known.attempts_made == (AttemptMade(NOON, "default", 1000.0, "unknown", "no answer"),)


async def test_many_payments_are_asked_for_at_once(asked: Asked) -> None:
    """Each answer names its dispatcher, and the others from which an answer can be expected."""
    ids = [str(uuid4()) for _ in range(3)]
    for payment_id in ids:
        await asked.assign(payment_id, GONE)
        await asked.assign(payment_id, ME)
    question = holding.encode(HoldingsAsked(10, in_doubt=True, processor="default"))
    answer = await asked.bus.request(subjects.DISPATCHER_PAYMENTS, question, 5)
    answered = holding.decode_many_answered(answer.data)
    assert {each.id for each in answered.holdings} == set(ids)
    assert (answered.owner, answered.others, answered.looked_to) == (ME, (ME, GONE), None)


async def test_what_does_not_fit_into_one_answer_is_returned_in_several(asked: Asked) -> None:
    """A message of the bus has its bound: an answer ends before it, and says up to where it goes."""
    ids = [str(uuid4()) for _ in range(holding.LIMIT_MAX)]
    for seq, payment_id in enumerate(ids, start=1):
        payment = asked.take(payment_id, waited_s=1)
        payment.seq, payment.in_doubt = seq, True
        payment.note(attempted(NOON, "default", 1000.0, Unknown("\N{EURO SIGN}" * 200)))
    found: list[str] = []
    after: int | None = 0
    while after is not None:
        question = holding.encode(HoldingsAsked(holding.LIMIT_MAX, after, in_doubt=True))
        answer = await asked.bus.request(subjects.DISPATCHER_PAYMENTS, question, 5)
        answered = holding.decode_many_answered(answer.data)
        found += [each.id for each in answered.holdings]
        assert answered.looked_to is None or answered.looked_to > after
        after = answered.looked_to
    assert found == ids


async def test_a_request_that_cannot_be_read_is_not_answered(asked: Asked) -> None:
    """And the next one is."""
    for wrong in (b"{}", b'{"limit": 501}', b'{"limit": 1, "more": 1}', b"no JSON"):
        with pytest.raises(BusUnavailableError):
            await asked.bus.request(subjects.DISPATCHER_PAYMENTS, wrong, 0.05)
    assert (await asked.bus.request(subjects.DISPATCHER_PAYMENTS, b'{"limit": 1}', 5)).data
