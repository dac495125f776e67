"""One payment's life, step by step, from what is recorded and what a dispatcher has in memory. Pure.

What was not recorded is listed in ``not_known``, and never guessed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, assert_never

from services.contracts.assignments import instance_of
from services.contracts.events import PaymentRefused, PaymentReleased, PaymentSettled, Settlement, SettlementsCleared
from services.contracts.holding import AssignmentMade, Holding
from services.contracts.money import amount_of
from services.contracts.stamp import text_of
from services.ingress.core.answers import Standing

What = Literal["accepted", "assigned", "returned", "attempt", "released", "refused", "settled"]

NOT_KEPT = (
    "to which dispatchers it was assigned, and how many calls were made before the one that counts: neither is kept "
    "once a payment is settled or refused"
)
BOOKED_AT = "when the processor's answer came: settlements of earlier versions do not have it"
NO_ANSWER = (
    "what it is assigned to, and which calls were made: no dispatcher has it in hand or has read a line of it, or none "
    "answers"
)
BY_LOG = "which calls were made: only the dispatcher that has it in hand knows them, and it does not answer"
BEFORE = "calls of the dispatchers that had it in hand before: they were only in their memory"
OLDER = "the calls before those: a dispatcher keeps only the newest"


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened; ``at`` None: not known when. ``facts``, by name, are returned as they are."""

    what: What
    at: datetime | None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Life:
    """A payment's steps, those with a time ordered by it; ``not_known``: what was not recorded, a sentence each."""

    payment: Standing
    steps: tuple[Step, ...]
    not_known: tuple[str, ...]


def life_of(payment: Standing, history: Iterable[tuple[Settlement, datetime]], known: Holding | None) -> Life:
    """Return the life of a payment; ``history``: its events in SETTLEMENTS, each with when it was stored."""
    steps = [Step("accepted", payment.accepted_at)]
    for event, stored_at in history:
        steps += _recorded(event, stored_at)
    if known is not None and payment.status == "accepted":
        steps += [*map(_assigned, _of_dispatchers(known)), *_attempts(known)]
    timed = sorted((step for step in steps if step.at is not None), key=_order)
    return Life(payment, (*timed, *(step for step in steps if step.at is None)), tuple(_not_known(payment, known)))


def _order(step: Step) -> datetime:
    """Return a step's sort key: an attempt's stamp has whole milliseconds, and its line was stored before it."""
    at = step.at or datetime.min.replace(tzinfo=UTC)
    return at + timedelta(microseconds=999) if step.what == "attempt" else at


def _of_dispatchers(known: Holding) -> Iterator[AssignmentMade]:
    """Yield the lines of dispatchers: a release is in SETTLEMENTS, with the processor it was released from."""
    return (line for line in known.assignments if line.kind != "released")


def _recorded(event: Settlement, stored_at: datetime) -> list[Step]:
    match event:
        case PaymentSettled():
            return [
                Step(
                    "settled",
                    event.booked_at or stored_at,
                    {
                        "processor": event.processor,
                        "amount": amount_of(event.amount_cents),
                        "requestedAt": text_of(event.requested_at),
                        "storedAt": text_of(stored_at),
                    },
                )
            ]
        case PaymentRefused():
            return [Step("refused", stored_at, {"processor": event.processor, "detail": event.detail})]
        case PaymentReleased():
            facts = {"from": event.from_processor, "to": event.to_processor, "reason": event.reason}
            return [Step("released", event.released_at, facts)]
        case SettlementsCleared():
            return []
        case never:
            assert_never(never)


def _assigned(line: AssignmentMade) -> Step:
    what: What = "returned" if line.kind == "returned" else "refused" if line.kind == "refused" else "assigned"
    facts: dict[str, Any] = {"processor": line.processor, "dispatcher": instance_of(line.owner)}
    return Step(what, line.at, facts | ({"detail": line.detail} if line.detail else {}))


def _attempts(known: Holding) -> list[Step]:
    return [
        Step(
            "attempt",
            made.requested_at,
            {
                "processor": made.processor,
                "tookMs": made.took_ms,
                "outcome": made.outcome,
                "detail": made.detail,
            },
        )
        for made in known.attempts_made
    ]


def _not_known(payment: Standing, known: Holding | None) -> Iterator[str]:
    if payment.status != "accepted":
        yield NOT_KEPT
        if isinstance(payment.event, PaymentSettled) and payment.event.booked_at is None:
            yield BOOKED_AT
        return
    if known is None:
        yield NO_ANSWER
        return
    if not known.in_hand:
        yield BY_LOG
        return
    under_way = sum(made.outcome is None for made in known.attempts_made)
    if known.attempts > len(known.attempts_made) - under_way + 1:
        yield OLDER
    if len({line.owner for line in _of_dispatchers(known)}) > 1:
        yield BEFORE
