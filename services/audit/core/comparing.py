"""The comparison of our records of one payment with every processor's.

A difference never depends on timing: nothing that may still be under way counts as one. A payment that waits may be
charged already, with its settlement on the way: that is information.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.audit.core.answer import Answer, Charged, NotCharged, Unanswered, Unreadable
from services.audit.core.records import Record


class FindingKind(StrEnum):
    """The kinds of findings; the value is the word that operators read."""

    CHARGED_TWICE = "charged_twice"
    CHARGED_ELSEWHERE = "charged_elsewhere"
    SETTLED_NOWHERE = "settled_nowhere"
    AMOUNT_DIFFERS = "amount_differs"
    REQUESTED_AT_DIFFERS = "requested_at_differs"
    REFUSED_BUT_CHARGED = "refused_but_charged"
    CONTRADICTING_SETTLEMENTS = "contradicting_settlements"
    WAITING_BUT_CHARGED = "waiting_but_charged"
    SETTLED_STILL_WAITING = "settled_still_waiting"
    RELEASED = "released"
    UNANSWERED = "unanswered"


INFORMATION = frozenset({FindingKind.WAITING_BUT_CHARGED, FindingKind.SETTLED_STILL_WAITING, FindingKind.RELEASED})
DIFFERENCES = frozenset(FindingKind) - INFORMATION - {FindingKind.UNANSWERED}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, with all that is known of the payment."""

    kind: FindingKind
    record: Record
    answers: Mapping[str, Answer]


def compare(record: Record, answers: Mapping[str, Answer]) -> list[Finding]:
    """Return all findings about one payment; ``answers`` has every processor of PROCESSORS."""
    charges = {name: answer for name, answer in answers.items() if isinstance(answer, Charged)}
    is_so = {
        FindingKind.CHARGED_TWICE: len(charges) > 1,
        FindingKind.CHARGED_ELSEWHERE: _is_elsewhere(record, charges),
        FindingKind.SETTLED_NOWHERE: not charges and _is_denied(record, answers),
        FindingKind.AMOUNT_DIFFERS: _amount_differs(record, charges),
        FindingKind.REQUESTED_AT_DIFFERS: _requested_at_differs(record, charges),
        FindingKind.REFUSED_BUT_CHARGED: bool(charges and record.settlements and not record.settled),
        FindingKind.CONTRADICTING_SETTLEMENTS: len(record.settlements) > 1,
        FindingKind.WAITING_BUT_CHARGED: bool(charges and record.accepted and not record.settlements),
        FindingKind.SETTLED_STILL_WAITING: bool(record.accepted and record.settlements),
        FindingKind.RELEASED: bool(record.releases),
        FindingKind.UNANSWERED: _is_unanswered(record, answers),
    }
    return [Finding(kind, record, answers) for kind, so in is_so.items() if so]


def _is_elsewhere(record: Record, charges: Mapping[str, Charged]) -> bool:
    return bool(charges) and any(event.processor not in charges for event in record.settled)


def _is_denied(record: Record, answers: Mapping[str, Answer]) -> bool:
    return any(isinstance(answers.get(event.processor), NotCharged) for event in record.settled)


def _amount_differs(record: Record, charges: Mapping[str, Charged]) -> bool:
    for name, charge in charges.items():
        expected = {event.amount_cents for event in record.settled if event.processor == name}
        if record.accepted is not None:
            expected.add(record.accepted.amount_cents)
        if expected - {charge.amount_cents}:
            return True
    return False


def _requested_at_differs(record: Record, charges: Mapping[str, Charged]) -> bool:
    return any(
        charges[event.processor].requested_at != event.requested_at
        for event in record.settled
        if event.processor in charges
    )


def _is_unanswered(record: Record, answers: Mapping[str, Answer]) -> bool:
    # A processor that settled it and is no longer in PROCESSORS cannot be asked either.
    return any(isinstance(answer, Unanswered | Unreadable) for answer in answers.values()) or any(
        event.processor not in answers for event in record.settled
    )
