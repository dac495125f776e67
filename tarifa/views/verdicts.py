"""The end of a command: an exit code and a sentence, or a document for scripts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, assert_never

from services.contracts.stamp import text_of
from tarifa.client.answers import Accepted, Away, Negative, Rejected, TryLater
from tarifa.client.fees import Fees
from tarifa.client.paying import Ending, Refused, Settled, Step, Unsettled
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
        case Rejected(slug, detail):
            return Exit.REJECTED, f"{url} rejected that ({slug}): {detail}."
        case TryLater(slug, detail):
            return Exit.AWAY, f"{url} cannot answer now ({slug}: {detail}): try again in a moment."
        case Away(sentence):
            return Exit.AWAY, sentence
        case never:
            assert_never(never)


def slug_of(negative: Negative) -> str | None:
    """Return the service's own word for the error; None where it gave none."""
    return negative.slug if isinstance(negative, Rejected | TryLater) else None


def pay_verdict(order: Order, ending: Ending) -> tuple[Exit, str]:
    """Return how ``tarifa pay`` ends; a settled payment needs no sentence."""
    match ending:
        case Settled():
            return Exit.DONE, ""
        case Refused(payment):
            why = payment.detail or "it does not say why"
            return Exit.REFUSED, f"Payment {order.payment_id} is refused and not charged: {why}."
        case Unsettled():
            return _unsettled_verdict(order, ending)
        case Rejected():
            return negative_verdict(order.url, ending)
        case TryLater(slug, detail):
            return Exit.AWAY, f"{order.url} cannot take it now ({slug}: {detail}): repeat it with `{order.again}`."
        case Away(sentence):
            return Exit.AWAY, f"{sentence.removesuffix('.')}; then repeat the payment with `{order.again}`."
        case never:
            assert_never(never)


def pay_document(order: Order, steps: Sequence[Step], ending: Ending, fees: Fees) -> dict[str, Any]:
    """Return the document of ``tarifa pay --json``; null is what is unknown or was not reached."""
    accepted = next((step for step in steps if isinstance(step, Accepted)), None)
    return {
        "correlationId": order.payment_id,
        "amount": order.amount,
        "outcome": _outcome(ending),
        "acceptedMs": accepted and round(accepted.took_ms, 3),
        "replayed": accepted and accepted.is_replay,
        **(_end(ending, fees) if isinstance(ending, Settled | Refused) else _no_end(order, ending)),
    }


def _unsettled_verdict(order: Order, ending: Unsettled) -> tuple[Exit, str]:
    stored = f"payment {order.payment_id} is accepted and will be charged once"
    if ending.trouble is None:
        look = f"look again with `tarifa payment {order.payment_id}`"
        return Exit.UNSETTLED, f"{stored.capitalize()}, but was not within {ending.waited_s:.0f} s: {look}."
    _, sentence = negative_verdict(order.url, ending.trouble)
    return Exit.AWAY, f"{sentence.removesuffix('.')}; {stored}."


def _end(ending: Settled | Refused, fees: Fees) -> dict[str, Any]:
    payment = ending.payment
    fee = fees.get(payment.processor or "") if isinstance(ending, Settled) else None
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


def _no_end(order: Order, ending: Unsettled | Negative) -> dict[str, Any]:
    why = ending.trouble if isinstance(ending, Unsettled) else ending
    unknown = dict.fromkeys(("endedMs", "processor", "acceptedAt", "requestedAt", "fee", "feesPaid"))
    slug = None if why is None else slug_of(why) or Exit.AWAY.name.lower()
    return {**unknown, "error": slug, "detail": pay_verdict(order, ending)[1]}


def _outcome(ending: Ending) -> str:
    """Return one word; ``unknown``: it may or may not be stored, and repeating it with its id charges it once."""
    match ending:
        case Settled():
            return "settled"
        case Refused():
            return "refused"
        case Unsettled():
            return "accepted"
        case Rejected():
            return "rejected"
        case TryLater() | Away():
            return "unknown"
        case never:
            assert_never(never)
