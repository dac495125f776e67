"""Whether a payment may be released from its processor, and what that risks.

A release is the one step that the settlement protocol never takes by itself: it sends a payment to a second processor
while an attempt at the first may still be booked. So it is refused wherever something else would help.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.audit.core.answer import Answer, Charged, Unreadable
from services.audit.core.words import accepted_words, answer_words, settlement_words
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentSettled


@dataclass(frozen=True, slots=True)
class Bound:
    """The processor that a payment is assigned to, or empty; ``line``: of ASSIGNMENTS, which a release must follow."""

    processor: str
    line: int
    in_doubt: bool = True


class Waiting(NamedTuple):
    """A payment in PAYMENTS, with its sequence."""

    event: PaymentAccepted
    seq: int


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is known of one payment; ``seq`` in PAYMENTS, 0 if it is not there."""

    payment_id: str
    accepted: PaymentAccepted | None
    settlement: PaymentSettled | PaymentRefused | None
    bound: Bound
    answers: Mapping[str, Answer]
    seq: int = 0


def known_lines(sight: Sight) -> Iterator[str]:
    """Yield what is known, for the operator's decision."""
    yield f"payment    {sight.payment_id}"
    yield f"PAYMENTS   {'does not have it' if sight.accepted is None else accepted_words(sight.accepted)}"
    yield f"settlement {'none' if sight.settlement is None else settlement_words(sight.settlement)}"
    bound = sight.bound
    doubt = ", in doubt" if bound.in_doubt else ", its dispatcher knows what became of each attempt"
    yield f"assigned   {f'to {bound.processor} (line {bound.line}{doubt})' if bound.processor else 'to no processor'}"
    for words in answer_words(sight.answers):
        yield f"processor  {words}"


def refusal(sight: Sight, to: str, processors: Collection[str]) -> str | None:
    """Return why the payment must not be released to ``to``, or None if it may."""
    if to not in processors:
        return f"{to} is not in PROCESSORS, which has {', '.join(processors)}."
    if sight.settlement is not None:
        return "It is settled or refused already: there is nothing to release."
    if sight.accepted is None:
        return "There is no such payment: it was never accepted, or has left PAYMENTS."
    if not sight.bound.processor:
        return "It is assigned to no processor: a dispatcher will send it where it is settled."
    if to == sight.bound.processor:
        return f"It is assigned to {to} already."
    for name, answer in sight.answers.items():
        if isinstance(answer, Charged):
            return _charged(sight, name)
        if isinstance(answer, Unreadable):
            return f"{name} has something under this id that cannot be read; it may have charged the payment."
    return None


def risk(sight: Sight, to: str) -> str:
    """Return in words what a release risks."""
    bound = sight.bound.processor
    return (
        f"WHAT THIS RISKS: a double charge.\n"
        f"Whatever was sent to {bound} so far, or is being sent at this moment, may still be booked there, now or\n"
        f"much later. After the release the payment is charged at {to} as well: then the customer has paid twice.\n"
        f"Nothing here can prevent that or take it back; only {bound} can say that it never booked it and never will.\n"
        f"If {bound} may come back, wait: the payment is not lost, it is sent there until it is settled."
    )


def _charged(sight: Sight, name: str) -> str:
    if name == sight.bound.processor:
        return f"{name} has charged it, and it is assigned there: a dispatcher will settle it there by itself."
    return (
        f"{name} has charged it, but it is assigned to {sight.bound.processor}: sent anywhere else it would be charged "
        f"twice, and if {sight.bound.processor} has booked it too it is already. Have it investigated."
    )
