"""A release by HTTP: what an operator must send, that it is recorded before it is done, and the result."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from services.contracts.operations import Operation
from services.contracts.releasing import Confirmed, Refusal, ReleaseAnswered
from services.ingress.adapters.releasing_api import sight_document
from services.ingress.core.admission import Rejected
from services.ingress.core.answers import TryLater
from services.ingress.core.releasing import Released
from services.ingress.flow.release_requests import ReleaseRequests
from tests.unit.audit.paid import ID, released
from tests.unit.audit.test_release_dialog import PAUSE, charging, sight
from tests.unit.ingress.recorded_operations import RecordedOperations

SAID: dict[str, Any] = {
    "from": "default",
    "to": "fallback",
    "line": 7,
    "reason": "default is gone",
    "acceptsDoubleCharge": True,
    "idEndsWith": ID[-12:],
}
OPERATION = Operation("release", ID, "default is gone", "from default to fallback")
RELEASED = (ID, "fallback", Confirmed("default", 7, "default is gone"))


class World(RecordedOperations):
    """A log and a dispatcher; ``happened`` has the requests to them, in order."""

    def __init__(self, answer: ReleaseAnswered | TryLater, *, records: bool = True) -> None:
        super().__init__(records=records)
        self.answer = answer
        self.releasing = ReleaseRequests(dispatchers=self, recorded=self.recorded)

    async def look(self, payment_id: str) -> ReleaseAnswered | TryLater:
        """Answer."""
        return self.answer

    async def release(self, payment_id: str, to: str, confirmed: Confirmed) -> ReleaseAnswered | TryLater:
        """Record the request."""
        self.happened.append((payment_id, to, confirmed))
        return self.answer


DONE = ReleaseAnswered(sight(), released=released())


async def test_a_release_is_recorded_with_the_name_of_the_key_and_then_done() -> None:
    """A dispatcher gets what the operator has confirmed."""
    world = World(DONE)
    done = Released(released(), (), is_repeated=False)
    assert await world.releasing.release(ID.upper(), json.dumps(SAID).encode(), "desk") == done
    assert world.happened == [(OPERATION, "desk"), RELEASED, "done"]


async def test_the_answer_warns_of_a_paused_processor() -> None:
    """The payment waits there."""
    world = World(ReleaseAnswered(sight(charging("default"), charging("fallback", PAUSE)), released=released()))
    answer = await world.releasing.release(ID, json.dumps(SAID).encode(), "desk")
    assert isinstance(answer, Released)
    assert "waits there until it is resumed" in answer.warnings[0]


@pytest.mark.parametrize(
    ("change", "slug", "field"),
    [
        ({"from": None}, "field_missing", "from"),
        ({"to": None}, "field_missing", "to"),
        ({"line": None}, "field_missing", "line"),
        ({"reason": None}, "field_missing", "reason"),
        ({"acceptsDoubleCharge": None}, "not_confirmed", "acceptsDoubleCharge"),
        ({"idEndsWith": None}, "not_confirmed", "idEndsWith"),
        ({"from": 7}, "field_mistyped", "from"),
        ({"to": "a.b"}, "not_a_processor", "to"),
        ({"line": True}, "field_mistyped", "line"),
        ({"line": 0}, "field_mistyped", "line"),
        ({"line": 7.0}, "field_mistyped", "line"),
        ({"reason": " "}, "not_a_reason", "reason"),
        ({"acceptsDoubleCharge": "true"}, "not_confirmed", "acceptsDoubleCharge"),
        ({"acceptsDoubleCharge": False}, "not_confirmed", "acceptsDoubleCharge"),
        ({"acceptsDoubleCharge": 1}, "not_confirmed", "acceptsDoubleCharge"),
        ({"idEndsWith": "4dc1c7cf60b4"}, "not_confirmed", "idEndsWith"),
        ({"idEndsWith": ""}, "not_confirmed", "idEndsWith"),
        ({"idEndsWith": ID}, "not_confirmed", "idEndsWith"),
    ],
)
async def test_without_both_confirmations_and_a_reason_nothing_is_recorded_or_done(
    change: dict[str, object], slug: str, field: str
) -> None:
    """The answer says what is wrong and where; None removes the field."""
    said = {name: value for name, value in (SAID | change).items() if value is not None}
    world = World(DONE)
    answer = await world.releasing.release(ID, json.dumps(said).encode(), "desk")
    assert isinstance(answer, Rejected)
    assert (answer.status, answer.slug, answer.detail.partition(":")[0]) == (400, slug, field)
    assert world.happened == []


@pytest.mark.parametrize(
    ("path", "body", "slug"),
    [
        ("x", json.dumps(SAID).encode(), "not_an_id"),
        (ID, b"", "not_json"),
        (ID, b"[]", "not_an_object"),
        (ID, b'{"line": 7, "line": 8}', "key_repeated"),
        (ID, b" " * 5000, "body_too_large"),
    ],
)
async def test_an_invalid_release_is_not_recorded(path: str, body: bytes, slug: str) -> None:
    """An id or a body that cannot be read."""
    world = World(DONE)
    answer = await world.releasing.release(path, body, "desk")
    assert isinstance(answer, Rejected)
    assert (answer.slug, world.happened) == (slug, [])


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (Refusal("no_such_payment", "There is no such payment."), 404),
        (Refusal("not_a_processor", "There is no processor third."), 400),
        (Refusal("payment_settled", "It is settled already."), 409),
        (Refusal("overtaken", "Look at it again."), 409),
    ],
)
async def test_a_release_that_is_not_allowed_is_refused_and_recorded_as_such(refusal: Refusal, status: int) -> None:
    """With the dispatcher's sentence."""
    world = World(ReleaseAnswered(sight(), refusal))
    answer = await world.releasing.release(ID, json.dumps(SAID).encode(), "desk")
    assert isinstance(answer, Rejected)
    assert (answer.status, answer.slug) == (status, refusal.why)
    assert answer.detail.endswith(refusal.detail)
    assert world.outcome is not None
    assert (world.outcome.step, world.outcome.detail) == ("refused", refusal.detail)


async def test_a_release_for_which_there_is_no_room_may_be_tried_again() -> None:
    """It is known that nothing was released, and the answer says only that."""
    refusal = Refusal("not_stored", "Nothing was released: ASSIGNMENTS is full.")
    world = World(ReleaseAnswered(sight(), refusal))
    answer = await world.releasing.release(ID, json.dumps(SAID).encode(), "desk")
    assert answer == TryLater("not_stored", "Nothing was released: ASSIGNMENTS is full.")
    assert world.outcome is not None
    assert (world.outcome.step, world.outcome.detail) == ("refused", refusal.detail)


async def test_what_cannot_be_recorded_is_not_done() -> None:
    """The request may be repeated."""
    world = World(DONE, records=False)
    answer = await world.releasing.release(ID, json.dumps(SAID).encode(), "desk")
    assert answer == TryLater("not_recorded", "it could not be recorded, so nothing was done: the log is full")
    assert world.happened == []


async def test_if_no_dispatcher_answers_the_outcome_is_not_known_and_recorded_as_such() -> None:
    """Neither done nor refused; repeating is safe."""
    world = World(TryLater("dispatcher_away", "no dispatcher answered"))
    answer = await world.releasing.release(ID, json.dumps(SAID).encode(), "desk")
    assert isinstance(answer, TryLater)
    assert "it may be done or not: repeating it is safe" in answer.detail
    assert world.outcome is not None
    assert world.outcome.step == "failed"


async def test_a_look_is_not_recorded() -> None:
    """It changes nothing; a payment that may not be released is shown with the reason, and an unknown one is a 404."""
    refused = ReleaseAnswered(sight(), Refusal("not_in_doubt", "It is not in doubt."))
    world = World(refused)
    assert await world.releasing.look(ID) == refused
    unknown = World(ReleaseAnswered(sight(), Refusal("no_such_payment", "There is no such payment.")))
    answer = await unknown.releasing.look(ID)
    assert isinstance(answer, Rejected)
    assert answer.status == 404
    assert world.happened == unknown.happened == []


def test_a_look_as_a_document() -> None:
    """All that an operator needs to decide, and the risk in words if it may be released."""
    document = sight_document(ReleaseAnswered(sight(charging("default"), charging("fallback", PAUSE))))
    assert str(document.pop("risk")).startswith("WHAT THIS RISKS: a double charge.")
    assert document == {
        "correlationId": ID,
        "status": "accepted",
        "amount": 19.9,
        "from": "default",
        "line": 7,
        "inDoubt": True,
        "answers": [
            {
                "processor": "default",
                "generation": "default/1",
                "answer": "unanswered",
                "amount": None,
                "requestedAt": None,
                "detail": "ConnectError",
            },
            {
                "processor": "fallback",
                "generation": "fallback/1",
                "answer": "not_charged",
                "amount": None,
                "requestedAt": None,
                "detail": "",
            },
        ],
        "to": ["fallback"],
        "refusal": None,
        "warnings": [
            (
                "fallback is paused since 2026-11-22T12:00:00Z by desk (their maintenance): a payment released to it "
                "waits there until it is resumed."
            )
        ],
        "released": None,
    }
    refused = sight_document(ReleaseAnswered(sight(), Refusal("not_in_doubt", "It is not in doubt.")))
    assert refused["refusal"] == {"error": "not_in_doubt", "detail": "It is not in doubt."}
    assert refused["risk"] is None


def test_a_look_at_one_that_was_released_to_a_processor_that_is_gone() -> None:
    """It may be released again, from where it was to be sent; what is at risk is still what was sent before."""
    gone = replace(sight(), processor="third", is_free=True)
    document = sight_document(ReleaseAnswered(gone))
    assert document["from"] == "third"
    assert "Whatever was sent to default so far" in str(document["risk"])
    waits = sight_document(ReleaseAnswered(gone, Refusal("not_assigned", "It is released to third already.")))
    assert (waits["from"], waits["risk"]) == (None, None)
