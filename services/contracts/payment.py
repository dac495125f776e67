"""A payment: what a client asks to have charged, exactly once."""

from dataclasses import dataclass
from datetime import datetime

from services.contracts.money import Cents


@dataclass(frozen=True, slots=True)
class Payment:
    """One accepted payment; ``correlation_id`` is a lower-case UUID with hyphens, ``traceparent`` what came with it."""

    correlation_id: str
    amount_cents: Cents
    accepted_at: datetime
    traceparent: str | None = None
