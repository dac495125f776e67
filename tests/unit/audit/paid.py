"""Payments, settlements and answers for the tests of the audit, with defaults that agree."""

from datetime import UTC, datetime, timedelta

from services.audit.core.answer import Charged
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentReleased, PaymentSettled
from services.contracts.money import Cents

ID = "4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3"
AT = datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=UTC)
LATER = AT + timedelta(milliseconds=1)


def accepted(cents: int = 1990, at: datetime = AT, payment_id: str = ID) -> PaymentAccepted:
    """As ingress stores it."""
    return PaymentAccepted(payment_id, Cents(cents), at)


def settled(
    processor: str, cents: int = 1990, stamp: datetime = AT, at: datetime = AT, payment_id: str = ID
) -> PaymentSettled:
    """As a dispatcher stores it."""
    return PaymentSettled(payment_id, Cents(cents), processor, stamp, at, 1)


def refused(processor: str, detail: str = "422 no") -> PaymentRefused:
    """As a dispatcher stores it."""
    return PaymentRefused(ID, Cents(1990), processor, detail, AT, 1)


def released(to: str = "fallback") -> PaymentReleased:
    """As the operator's command stores it."""
    return PaymentReleased(ID, "default", to, "default is gone", AT)


def charged(cents: int = 1990, stamp: datetime = AT) -> Charged:
    """As a processor answers."""
    return Charged(cents, stamp)
