"""One payment as JSON: the same in the answer about it, in its life and in lists."""

from collections.abc import Mapping
from typing import assert_never

from services.contracts.events import SHOWN_OF_SETTLED, PaymentAccepted, PaymentRefused, PaymentSettled
from services.contracts.holding import AttemptMade
from services.contracts.money import amount_of
from services.contracts.stamp import text_of
from services.ingress.core.answers import Standing, WaitingFor


def payment_document(found: Standing) -> dict[str, object]:
    """Return a payment's status; what is not known is left out, but that nobody has an accepted one is included."""
    fields: dict[str, object] = {
        "correlationId": found.payment_id,
        "amount": amount_of(found.amount_cents),
        "status": found.status,
        **_of_event(found.event),
        "traceparent": found.traceparent,
    }
    known = {name: value for name, value in fields.items() if value is not None}
    return known | {"waitingFor": _waiting_for(found.waiting_for)} if found.status == "accepted" else known


def _of_event(event: PaymentAccepted | PaymentSettled | PaymentRefused) -> Mapping[str, object]:
    match event:
        case PaymentSettled():
            return SHOWN_OF_SETTLED.values(event)
        case PaymentRefused():
            at = text_of(event.accepted_at)
            return {"processor": event.processor, "acceptedAt": at, "detail": event.detail}
        case PaymentAccepted():
            return {"acceptedAt": text_of(event.accepted_at)}
        case never:
            assert_never(never)


def _waiting_for(found: WaitingFor | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "processor": found.processor,
        "since": found.since and text_of(found.since),
        "attempts": found.attempts,
        "inDoubt": found.in_doubt,
        "dispatcher": found.dispatcher,
        "released": found.released,
        "lastAttempt": found.last and _attempt(found.last),
    }


def _attempt(made: AttemptMade) -> dict[str, object]:
    """Return one call of a dispatcher; null fields: it is still under way."""
    return {
        "requestedAt": text_of(made.requested_at),
        "processor": made.processor,
        "tookMs": made.took_ms,
        "outcome": made.outcome,
        "detail": made.detail,
    }
