"""The end of a command: an exit code and a sentence, or a document for scripts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, assert_never

from services.contracts.stamp import text_of
from tarifa.client.answers import AcceptedAnswer, Negative, RejectedAnswer, TryLaterAnswer, UnreachableAnswer
from tarifa.client.fees import Fees
from tarifa.client.paying import Ending, PayStep, RefusedEnding, SettledEnding, UnsettledEnding
from tarifa.exits import Exit


@dataclass(frozen=True, slots=True)
class Order:
    """What to pay where, and how long to wait for the settlement."""

    payment_id: str
    amount: Decimal
    url: str
    wait_s: float

    @property
    def again(self) -> str:
        """Return the command that repeats it and charges once, whatever happened to the first."""
        return f"tarifa pay {self.amount} --id {self.payment_id}"


def negative_verdict(url: str, negative: Negative) -> tuple[Exit, str]:
    """Return how a command ends that got no answer to its question."""
    match negative:
        case RejectedAnswer(slug, detail):
            return Exit.REJECTED, f"{url} rejected that ({slug}): {detail}."
        case TryLaterAnswer(slug, detail):
            return Exit.AWAY, f"{url} cannot answer now ({slug}: {detail}): try again in a moment."
        case UnreachableAnswer(sentence):
            return Exit.AWAY, sentence
        case never:
            assert_never(never)


def slug_of(negative: Negative) -> str | None:
    """Return the service's own word for the error; None where it gave none."""
    return negative.slug if isinstance(negative, RejectedAnswer | TryLaterAnswer) else None


def pay_verdict(order: Order, ending: Ending) -> tuple[Exit, str]:
    """Return how ``tarifa pay`` ends; a settled payment needs no sentence."""
    match ending:
        case SettledEnding():
            return Exit.DONE, ""
        case RefusedEnding(payment):
            why = payment.detail or "it does not say why"
            return Exit.REFUSED, f"Payment {order.payment_id} is refused and not charged: {why}."
        case UnsettledEnding():
            return _unsettled_verdict(order, ending)
        case RejectedAnswer():
            return negative_verdict(order.url, ending)
        case TryLaterAnswer(slug, detail):
            return Exit.AWAY, f"{order.url} cannot take it now ({slug}: {detail}): repeat it with `{order.again}`."
        case UnreachableAnswer(sentence):
            return Exit.AWAY, f"{sentence.removesuffix('.')}; then repeat the payment with `{order.again}`."
        case never:
            assert_never(never)


def pay_document(order: Order, steps: Sequence[PayStep], ending: Ending, fees: Fees) -> dict[str, Any]:
    """Return the document of ``tarifa pay --json``; null is what is unknown or was not reached."""
    accepted = next((step for step in steps if isinstance(step, AcceptedAnswer)), None)
    return {
        "correlationId": order.payment_id,
        "amount": order.amount,
        "outcome": _outcome(ending),
        "acceptedMs": accepted and round(accepted.took_ms, 3),
        "replayed": accepted and accepted.is_replay,
        **(_end(ending, fees) if isinstance(ending, SettledEnding | RefusedEnding) else _no_end(order, ending)),
    }


def _unsettled_verdict(order: Order, ending: UnsettledEnding) -> tuple[Exit, str]:
    stored = f"payment {order.payment_id} is accepted and will be charged once"
    if ending.trouble is None:
        look = f"look again with `tarifa payment {order.payment_id}`"
        return Exit.UNSETTLED, f"{stored.capitalize()}, but was not within {ending.waited_s:.0f} s: {look}."
    _, sentence = negative_verdict(order.url, ending.trouble)
    return Exit.AWAY, f"{sentence.removesuffix('.')}; {stored}."


def _end(ending: SettledEnding | RefusedEnding, fees: Fees) -> dict[str, Any]:
    payment = ending.payment
    fee = fees.get(payment.processor or "") if isinstance(ending, SettledEnding) else None
    return {
        "endedMs": round(ending.after_ms, 3),
        "processor": payment.processor,
        "acceptedAt": payment.accepted_at and text_of(payment.accepted_at),
        "requestedAt": payment.requested_at and text_of(payment.requested_at),
        "fee": fee,
        "feesPaid": None if fee is None else fee * payment.amount,
        "error": None,
        "detail": payment.detail,
    }


def _no_end(order: Order, ending: UnsettledEnding | Negative) -> dict[str, Any]:
    why = ending.trouble if isinstance(ending, UnsettledEnding) else ending
    unknown = dict.fromkeys(("endedMs", "processor", "acceptedAt", "requestedAt", "fee", "feesPaid"))
    slug = None if why is None else slug_of(why) or Exit.AWAY.name.lower()
    return {**unknown, "error": slug, "detail": pay_verdict(order, ending)[1]}


def _outcome(ending: Ending) -> str:
    """Return one word; ``unknown``: it may or may not be stored, and repeating it with its id charges it once."""
    match ending:
        case SettledEnding():
            return "settled"
        case RefusedEnding():
            return "refused"
        case UnsettledEnding():
            return "accepted"
        case RejectedAnswer():
            return "rejected"
        case TryLaterAnswer() | UnreachableAnswer():
            return "unknown"
        case never:
            assert_never(never)
