"""A processor's answer about one payment: a closed union."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Charged:
    """It has the payment, as it recorded it."""

    amount_cents: int
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class NotCharged:
    """It did not have the payment when it answered; an attempt under way may still be booked."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It has something under this id, but its answer is not a record of the payment."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """It gave no usable answer. Nothing follows from that."""

    detail: str


Answer = Charged | NotCharged | Unreadable | Unanswered
