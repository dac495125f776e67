"""Releases: every refusal, both questions, and the order of the writes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from services.audit.core.answer import Answer, NotCharged, Unanswered, Unreadable
from services.audit.core.releasing import Bound, Sight, Waiting, refusal, risk
from services.audit.flow.releasing import CONFLICT, Releasing
from services.bus.wire.connection import BusAwayError
from services.contracts import subjects
from services.contracts.away import AwayError
from services.contracts.events import (
    PaymentAccepted,
    PaymentRefused,
    PaymentReleased,
    PaymentSettled,
    decode_settlement,
    encode,
)
from services.contracts.operations import Operation
from tests.unit.audit.paid import AT, ID, accepted, charged, refused, released, settled

NO, SILENT = NotCharged(), Unanswered("ConnectError")
PROCESSORS = ("default", "fallback")


@dataclass
class World:
    """Streams, processors and operator in one, now and at the second look."""

    waits: PaymentAccepted | None = field(default_factory=accepted)
    settlement: PaymentSettled | PaymentRefused | None = None
    bound_to: Bound = Bound("default", 7)  # noqa: RUF009  # frozen
    answers: dict[str, Answer] = field(default_factory=lambda: {"default": SILENT, "fallback": NO})
    says_yes: bool = True
    is_writable: bool = True
    is_recorded: bool = True
    operations: list[object] = field(default_factory=list)
    settled_meanwhile: PaymentSettled | None = None
    bound_meanwhile: Bound | None = None
    done: list[object] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    async def accepted(self, payment_id: str) -> Waiting | None:
        """PAYMENTS."""
        return None if self.waits is None else Waiting(self.waits, 5)

    async def settlement_of(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """SETTLEMENTS."""
        return self.settlement

    async def bound(self, payment_id: str) -> Bound:
        """What a dispatcher reads in ASSIGNMENTS."""
        return self.bound_to

    async def record(self, event: PaymentReleased) -> None:
        """SETTLEMENTS."""
        if not self.is_writable:
            raise BusAwayError("full")
        self.done.append(event)

    async def release_line(self, event: PaymentReleased, seq: int, line: int) -> bool:
        """ASSIGNMENTS: a line is valid if it follows the last one."""
        self.done.append((event.to_processor, seq, line))
        return line == self.bound_to.line

    async def ask(self, payment_id: str) -> dict[str, Answer]:
        """The processors."""
        return self.answers

    def show(self, text: str) -> None:
        """The operator."""
        self.shown.append(text)

    async def accepts(self, payment_id: str) -> bool:
        """The operator, who takes some time."""
        self.done.append("asked")
        self.settlement = self.settled_meanwhile
        self.bound_to = self.bound_meanwhile or self.bound_to
        return self.says_yes

    @asynccontextmanager
    async def recorded(self, operation: Operation) -> AsyncIterator["World"]:
        """OPERATIONS."""
        if not self.is_recorded:
            raise AwayError("OPERATIONS is full")
        self.operations.append(operation)
        yield self

    def refused(self, why: str) -> None:
        """The outcome."""
        self.operations.append(why)

    async def release(self, to: str = "fallback") -> bool:
        """Release the payment."""
        return await Releasing(
            records=_Records(self),
            asking=self,
            operator=self,
            recorded=self.recorded,
            processors=PROCESSORS,
            now=lambda: AT,
        ).release(ID, to, "default is gone")


class _Records:
    def __init__(self, world: World) -> None:
        self.accepted, self.settlement, self.bound = world.accepted, world.settlement_of, world.bound
        self.record, self.release = world.record, world.release_line


EVENT = PaymentReleased(ID, "default", "fallback", "default is gone", AT)


async def test_the_event_is_stored_before_the_line() -> None:
    """What happened is recorded, whatever fails in between."""
    world = World()
    assert await world.release()
    assert world.done == ["asked", EVENT, ("fallback", 5, 7)]


async def test_the_request_is_recorded_before_anything_is_written() -> None:
    """And only once the operator has confirmed; where it cannot be recorded, nothing is done."""
    world = World()
    assert await world.release()
    assert world.operations == [Operation("release", ID, "default is gone", "from default to fallback")]
    unrecorded = World(is_recorded=False)
    with pytest.raises(AwayError):
        await unrecorded.release()
    assert unrecorded.done == ["asked"]
    unmeant = World(says_yes=False)
    assert not await unmeant.release()
    assert unmeant.operations == []


async def test_a_payment_that_is_not_assigned_is_not_released() -> None:
    """It waits, and a dispatcher will send it where it can be settled."""
    world = World(bound_to=Bound("", 0, in_doubt=False))
    assert not await world.release()
    assert world.done == []
    assert "assigned to no processor" in world.shown[-1]


async def test_the_operator_sees_everything_before_the_question() -> None:
    """What is known, and what is risked."""
    world = World(says_yes=False)
    assert not await world.release()
    text = "\n".join(world.shown)
    for fact in (
        ID,
        "accepted 19.90",
        "to default (line 7, in doubt)",
        "at default: unanswered",
        "at fallback: not charged",
    ):
        assert fact in text
    assert "customer has paid twice" in text
    assert world.done == ["asked"]
    assert world.shown[-1] == "Nothing was changed."


async def test_settled_while_the_operator_was_reading() -> None:
    """It is looked up again before anything is written."""
    world = World(settled_meanwhile=settled("default"))
    assert not await world.release()
    assert world.done == ["asked"]
    assert "settled or refused already" in world.shown[-1]


async def test_a_conflict_releases_nothing() -> None:
    """The line must follow the one that the operator saw; the event says what was attempted."""
    world = World(bound_meanwhile=Bound("default", 9))
    assert not await world.release()
    assert world.done == ["asked", EVENT, ("fallback", 5, 7)]
    assert world.shown[-1] == CONFLICT
    assert world.operations[1:] == ["its line in ASSIGNMENTS was no longer the last one"]


async def test_what_cannot_be_stored_is_not_done() -> None:
    """If SETTLEMENTS is full the payment stays where it is."""
    world = World(is_writable=False)
    with pytest.raises(BusAwayError):
        await world.release()
    assert world.done == ["asked"]


@pytest.mark.parametrize(
    ("world", "to", "why"),
    [
        (World(), "third", "third is not in PROCESSORS, which has default, fallback."),
        (World(), "default", "It is assigned to default already."),
        (World(settlement=settled("default")), "fallback", "settled or refused already"),
        (World(settlement=refused("default")), "fallback", "settled or refused already"),
        (World(waits=None), "fallback", "no such payment"),
        (World(answers={"default": charged(), "fallback": NO}), "fallback", "a dispatcher will settle it there"),
        (World(answers={"default": SILENT, "fallback": charged()}), "fallback", "would be charged twice"),
        (World(answers={"default": SILENT, "fallback": Unreadable("?")}), "fallback", "cannot be read"),
    ],
)
async def test_refused_before_the_operator_is_asked(world: World, to: str, why: str) -> None:
    """Where a release is not needed, or would certainly do harm."""
    assert not await world.release(to)
    assert world.done == []
    assert world.shown[-1].startswith("Not released. ")
    assert why in world.shown[-1]


def test_a_payment_may_be_released_from_a_processor_that_was_removed() -> None:
    """Removed from PROCESSORS, it will never be asked again."""
    sight = Sight(ID, accepted(), None, Bound("gone", 3), {"default": NO, "fallback": NO})
    assert refusal(sight, "fallback", PROCESSORS) is None
    assert "sent to gone so far" in risk(sight, "fallback")


def test_a_release_as_json() -> None:
    """Public names, as in every event; no look-up of settlements finds its subject."""
    assert decode_settlement(encode(released())) == released()
    assert b'"fromProcessor":"default","toProcessor":"fallback"' in encode(released())
    assert subjects.released(ID).count(".") == 2 != subjects.any_settlement(ID).count(".")
