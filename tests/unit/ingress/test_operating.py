"""An operator by HTTP: what is read of the request, and that everything is recorded before it is done."""

import json
from datetime import UTC, datetime

import pytest

from services.contracts.operating import ListedProcessor, PauseAnswered
from services.contracts.operations import Operation
from services.contracts.processor_entry import Pause
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import Cleared, TryLater
from services.ingress.flow.operating import Operating
from tests.unit.ingress.recorded_operations import RecordedOperations

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PAUSED = ListedProcessor("default", "default/1", "paused", 0.05, "http://d:1", Pause("me", "tests", NOW))
BODY = b'{"reason": "tests"}'


class World(RecordedOperations):
    """A log and a dispatcher; ``happened`` has the requests to them, in order."""

    def __init__(self, answer: PauseAnswered | TryLater, *, records: bool = True) -> None:
        super().__init__(records=records)
        self.answer = answer
        self.operating = Operating(processors=self, book=self, recorded=self.recorded, clock=lambda: NOW)

    async def processors(self) -> tuple[ListedProcessor, ...] | TryLater:
        """Return the processors that charge."""
        return (PAUSED,)

    async def pause(self, name: str, pause: Pause | None) -> PauseAnswered | TryLater:
        """Record the request."""
        self.happened.append((name, pause))
        return self.answer

    async def purge(self) -> Cleared | TryLater:
        """Record that the book is to be cleared."""
        self.happened.append("purged")
        return Cleared() if isinstance(self.answer, PauseAnswered) else self.answer


async def test_a_pause_is_recorded_then_done_with_the_name_of_the_key() -> None:
    """The log has who paused it."""
    world = World(PauseAnswered(PAUSED, ("default",)))
    assert await world.operating.pause("default", b'{"reason": " tests "}', "shop") == PAUSED
    assert world.happened == [
        (Operation("pause", "default", "tests"), "shop"),
        ("default", Pause("shop", "tests", NOW)),
        "done",
    ]


@pytest.mark.parametrize(
    ("body", "reason"), [(b"", ""), (b"{}", ""), (b'{"reason": "they are back"}', "they are back")]
)
async def test_a_resume_needs_no_reason_and_keeps_one(body: bytes, reason: str) -> None:
    """An empty body is enough."""
    world = World(PauseAnswered(PAUSED, ("default",)))
    assert await world.operating.resume("default", body, "shop") == PAUSED
    assert world.happened == [(Operation("resume", "default", reason), "shop"), ("default", None), "done"]


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b"", "not_json"),
        (b"[]", "not_an_object"),
        (b"{}", "field_missing"),
        (b'{"reason": 7}', "field_mistyped"),
        (b'{"reason": ""}', "not_a_reason"),
        (b'{"reason": " "}', "not_a_reason"),
        (b'{"reason": "a\\u001bb"}', "not_a_reason"),
        (json.dumps({"reason": "x" * 501}).encode(), "not_a_reason"),
        (b'{"reason": "a", "\\u0072eason": "b"}', "key_repeated"),
        (b'{"reason": "%s"}' % (b"x" * 5000), "body_too_large"),
    ],
)
async def test_without_a_reason_nothing_is_recorded_or_done(body: bytes, slug: str) -> None:
    """The answer says what is wrong and where."""
    world = World(PauseAnswered(PAUSED, ("default",)))
    answer = await world.operating.pause("default", body, "shop")
    assert isinstance(answer, Rejected)
    assert (answer.slug, answer.detail.partition(":")[0]) == (
        slug,
        "reason" if "reason" in slug or "field" in slug else "body",
    )
    assert world.happened == []


@pytest.mark.parametrize("name", ["", "Default", "a/b", "x" * 33, "%64efault", "a.b", ">"])
async def test_an_invalid_name_is_not_recorded(name: str) -> None:
    """Nothing is ever deleted from the log: it must not take any text that somebody types into an address."""
    world = World(PauseAnswered(PAUSED, ("default",)))
    answer = await world.operating.pause(name, BODY, "shop")
    assert isinstance(answer, Rejected)
    assert (answer.status, answer.slug) == (404, "no_such_processor")
    assert world.happened == []


async def test_an_unknown_processor_is_refused_and_recorded_as_such() -> None:
    """With the names of the known ones."""
    world = World(PauseAnswered(None, ("default", "fallback")))
    answer = await world.operating.pause("defualt", BODY, "shop")
    assert answer == Rejected(
        404, "no_such_processor", "name in the path: there is no processor defualt; there are default, fallback"
    )
    assert world.outcome is not None
    assert (world.outcome.step, world.outcome.detail) == (
        "refused",
        "there is no processor defualt; there are default, fallback",
    )


async def test_what_cannot_be_recorded_is_not_done() -> None:
    """The request may be repeated."""
    world = World(PauseAnswered(PAUSED, ("default",)), records=False)
    answer = await world.operating.pause("default", BODY, "shop")
    assert answer == TryLater("not_recorded", "it could not be recorded, so nothing was done: the log is full")
    assert world.happened == []


async def test_if_no_dispatcher_answers_the_outcome_is_not_known_and_recorded_as_such() -> None:
    """Neither done nor refused."""
    world = World(TryLater("dispatcher_away", "no dispatcher answered"))
    answer = await world.operating.pause("default", BODY, "shop")
    assert isinstance(answer, TryLater)
    assert "it may be done or not" in answer.detail
    assert world.outcome is not None
    assert (world.outcome.step, world.outcome.detail) == ("failed", "no dispatcher answered; it may be done or not")


async def test_a_purge_is_recorded_before_it_is_done() -> None:
    """And not done if it cannot be recorded."""
    world = World(PauseAnswered(None, ()))
    assert await world.operating.purge("shop") == Cleared()
    assert world.happened == [(Operation("purge"), "shop"), "purged", "done"]
    full = World(PauseAnswered(None, ()), records=False)
    answer = await full.operating.purge("shop")
    assert isinstance(answer, TryLater)
    assert (answer.slug, full.happened) == ("not_recorded", [])


async def test_a_purge_with_an_unknown_outcome_is_recorded_as_such() -> None:
    """The stream did not answer."""
    world = World(TryLater("not_cleared", "not stored: no answer"))
    assert await world.operating.purge("shop") == world.answer
    assert world.happened[-1] == "failed"
