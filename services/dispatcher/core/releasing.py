"""Whether a payment may be released from the processor that it is assigned to, and whether it already was.

A release is the one step that the settlement protocol never takes by itself: it sends a payment to a second processor
while an attempt at the first may still be booked. So it is refused wherever something else would help.
"""

from services.contracts.assignments import processor_of
from services.contracts.events import PaymentReleased, PaymentSettled
from services.contracts.operating import ListedProcessor
from services.contracts.releasing import Confirmed, ProcessorAnswer, Refusal, Sight, released_there, targets
from services.contracts.store_errors import StoreUnavailableError
from services.dispatcher.core.outcome import Absent, Found, Lookup, LookupFailed


class NotStoredError(StoreUnavailableError):
    """The event or the line of a release could not be stored, so nothing was released. It may be tried again."""


def refusal(sight: Sight, to: str = "", confirmed: Confirmed | None = None) -> Refusal | None:
    """Return why the payment must not be released, or None if it may.

    Args:
        sight: what is known of it.
        to: the processor that will charge it instead; empty: any.
        confirmed: what a person has judged; None: not judged yet.
    """
    return _needless(sight) or _misdirected(sight, to, confirmed) or _charged(sight) or _unresolved(sight)


def release_done(sight: Sight, to: str, confirmed: Confirmed) -> PaymentReleased | None:
    """Return the same release if it is done already and the payment has not been released elsewhere since.

    It was recorded before its line, so the record alone proves nothing; but a payment in doubt gets from one processor
    to another only by a release. Of two concurrent releases the void one may have been recorded last.
    """
    there = released_there(sight)
    if there is None or there.to_processor != to:
        return None
    same = (event for event in reversed(sight.releases) if event.to_processor == to)
    return next((event for event in same if event.from_processor == confirmed.from_processor), None)


def release_begun(sight: Sight, to: str, confirmed: Confirmed) -> PaymentReleased | None:
    """Return the same release if it is recorded already, though not done; only the newest record can be that one."""
    newest = sight.releases[-1] if sight.releases else None
    if newest is None or newest.reason != confirmed.reason:
        return None
    same = (newest.from_processor, newest.to_processor) == (confirmed.from_processor, to)
    return newest if same else None


def answer_of(generation: str, answer: Lookup) -> ProcessorAnswer:
    """Return a processor's answer about a payment in the form for operators."""
    match answer:
        case Found(amount_cents, requested_at, _):
            return ProcessorAnswer(generation, "charged", amount_cents, requested_at)
        case Absent():
            return ProcessorAnswer(generation, "notCharged")
        case LookupFailed(detail, is_there):
            return ProcessorAnswer(generation, "unreadable" if is_there else "unanswered", detail=detail)


def _needless(sight: Sight) -> Refusal | None:
    settlement = sight.settlement
    if isinstance(settlement, PaymentSettled):
        why = f"It is settled already, at {settlement.processor}: there is nothing to release."
        return Refusal("payment_settled", why)
    if settlement is not None:
        why = f"It is refused already, by {settlement.processor}: there is nothing to release."
        return Refusal("payment_refused", why)
    if sight.is_refused:
        return Refusal("payment_refused", f"{sight.processor} has refused it for good, and a dispatcher records that.")
    if sight.accepted is None:
        return Refusal("no_such_payment", "There is no such payment: it was never accepted, or has left PAYMENTS.")
    if sight.is_free and sight.processor and any(each.name == sight.processor for each in _charging(sight)):
        why = f"It is released to {sight.processor} already: a dispatcher will send it there."
        return Refusal("not_assigned", why)
    if sight.is_free and not sight.processor:
        why = "It is assigned to no processor: a dispatcher will send it where it is settled."
        return Refusal("not_assigned", why)
    return None


def _misdirected(sight: Sight, to: str, confirmed: Confirmed | None) -> Refusal | None:
    names = [each.name for each in _charging(sight)]
    if to and to not in names:
        return Refusal("not_a_processor", f"There is no processor {to}; there are {', '.join(names) or 'none'}.")
    if to and to not in targets(sight):
        return Refusal("assigned_there", f"It is assigned to {to} already.")
    if confirmed is not None and confirmed.from_processor != sight.processor:
        why = f"It is assigned to {sight.processor} and not to {confirmed.from_processor}. Look at it again."
        return Refusal("assigned_elsewhere", why)
    if confirmed is not None and confirmed.line != sight.line:
        why = (
            f"Line {confirmed.line} in ASSIGNMENTS is no longer its last one, which is {sight.line}. Look at it again."
        )
        return Refusal("overtaken", why)
    return None


def _charging(sight: Sight) -> list[ListedProcessor]:
    return [each for each in sight.processors if each.state != "closing"]


def _charged(sight: Sight) -> Refusal | None:
    for record in sight.records:
        name = processor_of(record.generation)
        match record.answer:
            case "charged" if record.generation == sight.generation and not sight.is_free:
                why = f"{name} has charged it, and it is assigned there: a dispatcher will settle it there by itself."
                return Refusal("charged", why)
            case "charged":
                bound = sight.processor
                why = (
                    f"{name} has charged it, but it is assigned to {bound}: at any other processor it would be charged "
                    f"twice, and if {bound} has booked it too, it has been charged twice already. Investigate this."
                )
                return Refusal("charged", why)
            case "unreadable":
                why = f"{name} has a record of this id that cannot be read; it may have charged the payment."
                return Refusal("charged", why)
            case "notCharged" | "unanswered":
                pass
    return None


def _unresolved(sight: Sight) -> Refusal | None:
    if sight.is_doubtful:
        why = (
            f"The store went back in time: other processors than {sight.processor} may have charged it. Wait until "
            f"each of them has answered that it has not, and what may be under way has ended."
        )
        return Refusal("doubtful", why)
    if sight.in_doubt:
        return None
    why = (
        f"It is not in doubt: its dispatcher knows the outcome of each attempt at {sight.processor}, or one is under "
        f"way, and sends it where it is settled. If that dispatcher is gone, another one takes it over."
    )
    return Refusal("not_in_doubt", why)
