"""What ingress may answer about a payment: closed unions, so that no case is forgotten and none is invented.

The rule that they keep: ``Accepted`` and ``Replayed`` exist only for a payment that is, or was, in a stream.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.contracts.money import Cents

REPEAT_IS_SAFE = "repeating it with the same correlationId is safe"


@dataclass(frozen=True, slots=True)
class Stored:
    """The stream has said that it holds it."""


@dataclass(frozen=True, slots=True)
class Known:
    """The stream has stored this id before, and nothing now."""


@dataclass(frozen=True, slots=True)
class TryLater:
    """It cannot be said, or done, now; the same request may be repeated without harm."""

    slug: str
    detail: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a payment stands, by the newest event about it; None where that event does not say."""

    payment_id: str
    status: Literal["accepted", "settled", "refused"]
    amount_cents: Cents
    accepted_at: datetime
    processor: str | None = None
    requested_at: datetime | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """Stored, just now."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """The same id and amount again; stored once."""

    original: Standing


@dataclass(frozen=True, slots=True)
class AmountDiffers:
    """The id belongs to a payment of another amount; nothing was stored now."""

    original: Standing


@dataclass(frozen=True, slots=True)
class Missing:
    """No stream holds anything about that id."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """The book forgets all before now."""
