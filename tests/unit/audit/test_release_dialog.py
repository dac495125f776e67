"""Tests of what an operator sees and is asked before a payment is released, and of what is recorded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from services.audit.flow.release_dialog import ReleaseDialog
from services.contracts import subjects
from services.contracts.events import decode_settlement, encode
from services.contracts.operating import ListedProcessor
from services.contracts.operations import Operation
from services.contracts.processor_entry import Pause
from services.contracts.releasing import Confirmed, ProcessorAnswer, Refusal, ReleaseAnswered, Sight, warnings
from services.contracts.store_errors import StoreUnavailableError
from tests.unit.audit.paid import AT, ID, accepted, released

PAUSE = Pause("desk", "their maintenance", AT)
TAKEN = Refusal("overtaken", "Line 7 is no longer its last one. Look at it again.")


def charging(name: str, pause: Pause | None = None) -> ListedProcessor:
    """Return a processor that is charging."""
    return ListedProcessor(name, f"{name}/1", "open" if pause is None else "paused", 0.05, f"http://{name}:1", pause)


def sight(*processors: ListedProcessor) -> Sight:
    """Return a payment in doubt at default, which does not answer."""
    return Sight(
        id=ID,
        accepted=accepted(),
        seq=5,
        settlement=None,
        releases=(),
        generation="default/1",
        processor="default",
        line=7,
        is_free=False,
        is_refused=False,
        is_doubtful=False,
        in_doubt=True,
        records=(
            ProcessorAnswer("default/1", "unanswered", detail="ConnectError"),
            ProcessorAnswer("fallback/1", "notCharged"),
        ),
        processors=processors or (charging("default"), charging("fallback")),
    )


@dataclass
class World:
    """The dispatchers, the operator and the log in one; ``done`` is what happened, in order."""

    seen: ReleaseAnswered = field(default_factory=lambda: ReleaseAnswered(sight()))
    answer: ReleaseAnswered = field(default_factory=lambda: ReleaseAnswered(sight(), released=released()))
    says_yes: bool = True
    is_recorded: bool = True
    done: list[object] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    async def look(self, payment_id: str, to: str) -> ReleaseAnswered:
        """A dispatcher."""
        return self.seen

    async def release(self, payment_id: str, to: str, confirmed: Confirmed) -> ReleaseAnswered:
        """A dispatcher."""
        self.done.append((payment_id, to, confirmed))
        return self.answer

    def show(self, text: str) -> None:
        """The operator."""
        self.shown.append(text)

    async def accepts(self, payment_id: str) -> bool:
        """The operator."""
        self.done.append("asked")
        return self.says_yes

    @asynccontextmanager
    async def recorded(self, operation: Operation) -> AsyncIterator["World"]:
        """OPERATIONS."""
        if not self.is_recorded:
            raise StoreUnavailableError("OPERATIONS is full")
        self.done.append(operation)
        yield self

    def refused(self, why: str) -> None:
        """Its outcome in OPERATIONS."""
        self.done.append(why)

    async def run(self) -> bool:
        """Release the payment; return whether it was released."""
        flow = ReleaseDialog(dispatchers=self, operator=self, recorded=self.recorded)
        return await flow.release(ID, "fallback", "default is gone")


OPERATION = Operation("release", ID, "default is gone", "from default to fallback")
SENT = (ID, "fallback", Confirmed("default", 7, "default is gone"))


async def test_a_release_is_recorded_before_it_is_done_and_only_if_confirmed() -> None:
    """A dispatcher is sent what the operator saw; if it cannot be recorded, nothing is done."""
    world = World()
    assert await world.run()
    assert world.done == ["asked", OPERATION, SENT]
    assert world.shown[-1].startswith("Released: ")
    unrecorded = World(is_recorded=False)
    with pytest.raises(StoreUnavailableError):
        await unrecorded.run()
    assert unrecorded.done == ["asked"]
    declined = World(says_yes=False)
    assert not await declined.run()
    assert (declined.done, declined.shown[-1]) == (["asked"], "Nothing was changed.")


async def test_the_operator_sees_everything_before_the_question() -> None:
    """What is known, and the risk in plain words."""
    world = World(says_yes=False)
    assert not await world.run()
    text = "\n".join(world.shown)
    for fact in (
        ID,
        "accepted 19.90",
        "to default (line 7, in doubt)",
        "at default: unanswered (ConnectError)",
        "at fallback: not charged",
        "customer has paid twice",
    ):
        assert fact in text
    assert "paused" not in text


async def test_a_pause_of_either_processor_is_shown_before_the_question() -> None:
    """A payment released to a paused processor waits there, and a pause is no reason to release."""
    both = sight(charging("default", PAUSE), charging("fallback", PAUSE), charging("third", PAUSE))
    world = World(seen=ReleaseAnswered(both), says_yes=False)
    assert not await world.run()
    said = [text.strip() for text in world.shown if "is paused" in text]
    assert said == [
        (
            "default is paused since 2026-11-22T12:00:00Z by desk (their maintenance): what is assigned there is still "
            "settled there, so a pause is no reason to release."
        ),
        (
            "fallback is paused since 2026-11-22T12:00:00Z by desk (their maintenance): a payment released to it waits "
            "there until it is resumed."
        ),
    ]
    assert len(warnings(both, "")) == 3


async def test_no_question_is_asked_about_a_payment_that_may_not_be_released() -> None:
    """The dispatcher's sentence says why; nothing is recorded."""
    world = World(seen=ReleaseAnswered(sight(), Refusal("payment_settled", "It is settled already, at default.")))
    assert not await world.run()
    assert (world.done, world.shown[-1]) == ([], "Not released. It is settled already, at default.")


async def test_a_payment_that_changed_while_the_operator_was_reading_is_not_released() -> None:
    """The dispatcher refuses, and the refusal is recorded."""
    world = World(answer=ReleaseAnswered(sight(), TAKEN))
    assert not await world.run()
    assert world.done == ["asked", OPERATION, SENT, TAKEN.detail]
    assert world.shown[-1] == f"Not released. {TAKEN.detail}"


def test_a_release_is_json_under_a_subject_of_its_own() -> None:
    """Its names are public, as in every event, and no look-up of settlements matches its subject."""
    assert decode_settlement(encode(released())) == released()
    assert b'"fromProcessor":"default","toProcessor":"fallback"' in encode(released())
    assert subjects.released(ID).count(".") == 2 != subjects.any_settlement(ID).count(".")
