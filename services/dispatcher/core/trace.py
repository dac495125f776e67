"""What is stored of a payment's trace with its settlement."""

from datetime import timedelta

from msgspec import UNSET, UnsetType

from services.contracts.events import Trace, TracedAttempt
from services.dispatcher.core.in_hand import Attempted, InHand


def trace_of(payment: InHand) -> Trace | UnsetType:
    """Return where it came from, and the newest calls; UNSET for a payment that belongs to no trace."""
    if payment.traceparent is None:
        return UNSET
    return Trace(payment.traceparent, tuple(map(_traced, payment.attempted)))


def _traced(attempted: Attempted) -> TracedAttempt:
    began_at = attempted.requested_at
    ended_at = began_at + timedelta(milliseconds=attempted.took_ms)
    return TracedAttempt(attempted.span_id or "", attempted.processor, began_at, ended_at, attempted.outcome)
