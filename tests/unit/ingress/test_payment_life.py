"""One payment's life: its steps in order, and what was not recorded."""

from datetime import UTC, datetime, timedelta

from msgspec import structs

from services.contracts.events import (
    PaymentAccepted,
    PaymentRefused,
    PaymentReleased,
    PaymentSettled,
    Settlement,
    SettlementsCleared,
)
from services.contracts.holding import AssignmentMade, AttemptMade, Holding
from services.contracts.money import Cents
from services.contracts.stamp import text_of
from services.ingress.core.answers import Standing
from services.ingress.core.payment_life import BEFORE, BOOKED_AT, BY_LOG, NO_ANSWER, NOT_KEPT, OLDER, Life, life_of

ID = "00000000-0000-4000-8000-000000000001"
NOON = datetime(2025, 7, 15, 12, tzinfo=UTC)
ACCEPTED = Standing(PaymentAccepted(ID, Cents(1990), NOON))
SETTLED = Standing(PaymentSettled(ID, Cents(1990), "fallback", NOON, NOON, 1, NOON))
ME, GONE = "dispatcher-1/me", "dispatcher-9/gone"


def at(seconds: float) -> datetime:
    """Return the time that many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def steps_of(life: Life) -> list[tuple[str, datetime | None]]:
    """Return what happened when."""
    return [(step.what, step.at) for step in life.steps]


def held(*, in_hand: bool = True, attempts: int = 2, owners: tuple[str, ...] = (ME,)) -> Holding:
    """Return what a dispatcher has in memory: lines a second apart, an attempt that ended and one under way."""
    lines = tuple(AssignmentMade(n, at(n), "send", "default", owner) for n, owner in enumerate(owners, 1))
    made = (AttemptMade(at(10), "default", 5000.0, "unknown", "no answer"), AttemptMade(at(20), "default"))
    attempts_made = made if in_hand else ()
    return Holding(
        ID,
        "default",
        1,
        ME,
        attempts,
        in_doubt=True,
        since=at(1),
        in_hand=in_hand,
        attempts_made=attempts_made,
        assignments=lines,
    )


def test_an_attempt_comes_after_its_assignment_in_the_same_millisecond() -> None:
    """Its stamp has no finer part, and the server's has."""
    line = AssignmentMade(1, at(1.000078), "send", "default", ME)
    known = held()
    made = (AttemptMade(at(1), "default", 5000.0, "unknown", "no answer"),)
    life = life_of(ACCEPTED, [], structs.replace(known, assignments=(line,), attempts_made=made))
    assert [step.what for step in life.steps] == ["accepted", "assigned", "attempt"]


def test_a_payment_that_waits_has_its_assignments_and_attempts() -> None:
    """In order of time; all of it is known here."""
    life = life_of(ACCEPTED, [], held())
    assert steps_of(life) == [("accepted", NOON), ("assigned", at(1)), ("attempt", at(10)), ("attempt", at(20))]
    assert life.steps[1].facts == {"processor": "default", "dispatcher": "dispatcher-1"}
    assert life.steps[2].facts == {
        "processor": "default",
        "tookMs": 5000.0,
        "outcome": "unknown",
        "detail": "no answer",
    }
    assert life.not_known == ()


def test_what_is_not_recorded_is_listed() -> None:
    """What other processes did, what was before the newest calls, and all calls if no dispatcher has it in hand."""
    assert life_of(ACCEPTED, [], held(owners=(GONE, ME))).not_known == (BEFORE,)
    assert life_of(ACCEPTED, [], held(attempts=30)).not_known == (OLDER,)
    assert life_of(ACCEPTED, [], held(in_hand=False)).not_known == (BY_LOG,)
    assert life_of(ACCEPTED, [], None).not_known == (NO_ANSWER,)
    assert life_of(SETTLED, [], None).not_known == (NOT_KEPT,)
    settled_before = Standing(PaymentSettled(ID, Cents(1990), "fallback", NOON, NOON, 1))
    assert life_of(settled_before, [], None).not_known == (NOT_KEPT, BOOKED_AT)


def test_a_settled_payment_has_where_and_when_and_what_operators_did() -> None:
    """When the answer came; if that is not known, when it was stored."""
    history: list[tuple[Settlement, datetime]] = [
        (PaymentReleased(ID, "default", "fallback", "it is gone", at(30)), at(31)),
        (SettlementsCleared(at(32)), at(32)),
        (PaymentSettled(ID, Cents(1991), "fallback", at(40), NOON, 1, at(41)), at(42)),
    ]
    life = life_of(SETTLED, history, None)
    assert steps_of(life) == [("accepted", NOON), ("released", at(30)), ("settled", at(41))]
    assert life.steps[1].facts == {"from": "default", "to": "fallback", "reason": "it is gone"}
    assert life.steps[2].facts == {
        "processor": "fallback",
        "amount": 19.91,
        "requestedAt": text_of(at(40)),
        "storedAt": text_of(at(42)),
    }
    before = life_of(SETTLED, [(PaymentSettled(ID, Cents(1), "fallback", at(40), NOON, 1), at(42))], None)
    assert steps_of(before)[-1] == ("settled", at(42))


def test_a_refused_payment_has_the_reason() -> None:
    """And when that was stored."""
    refused = PaymentRefused(ID, Cents(1990), "default", "400: no", NOON, 1)
    life = life_of(Standing(refused), [(refused, at(3))], None)
    assert steps_of(life) == [("accepted", NOON), ("refused", at(3))]
    assert life.steps[1].facts == {"processor": "default", "detail": "400: no"}


def test_what_has_no_time_comes_last() -> None:
    """The server does not always return at once when a line was stored."""
    line = AssignmentMade(1, None, "returned", "default", GONE)
    released = AssignmentMade(2, at(5), "released", "fallback", detail="why")
    known = Holding(ID, "", 1, "", 0, in_doubt=False, in_hand=True, assignments=(line, released))
    assert steps_of(life_of(ACCEPTED, [], known)) == [("accepted", NOON), ("returned", None)]
