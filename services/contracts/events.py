"""The facts that services tell each other, as versioned JSON.

Each event says its type and version; fields are public, camelCase, and never change their meaning within a version.
The schemas in ``schemas/`` are generated from these classes (``make schemas``); a test holds them together.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, json

from services.contracts.money import Cents

Id = Annotated[str, Meta(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="lower-case UUID")]
AmountCents = Annotated[Cents, Meta(ge=1, description="whole cents")]
Instant = Annotated[datetime, Meta(tz=True, description="UTC")]
Sequence = Annotated[int, Meta(ge=1, description="sequence of the payment in PAYMENTS")]


class PaymentAccepted(Struct, frozen=True, tag_field="type", tag="PaymentAccepted", rename="camel", gc=False):
    """Stored by ingress: this amount is to be charged once."""

    id: Id
    amount_cents: AmountCents
    accepted_at: Instant
    v: Literal[1] = 1


class PaymentSettled(Struct, frozen=True, tag_field="type", tag="PaymentSettled", rename="camel", gc=False):
    """Booked by a processor. ``requested_at`` and ``amount_cents`` are what that processor recorded."""

    id: Id
    amount_cents: AmountCents
    processor: str
    requested_at: Instant
    accepted_at: Instant
    payment_seq: Sequence
    v: Literal[1] = 1


class PaymentRefused(Struct, frozen=True, tag_field="type", tag="PaymentRefused", rename="camel", gc=False):
    """Turned down for good by a processor; nothing was charged."""

    id: Id
    amount_cents: AmountCents
    processor: str
    detail: str
    accepted_at: Instant
    payment_seq: Sequence
    v: Literal[1] = 1


class SettlementsCleared(Struct, frozen=True, tag_field="type", tag="SettlementsCleared", rename="camel", gc=False):
    """The book forgets all that was settled before this event; the stream keeps it."""

    cleared_at: Instant
    v: Literal[1] = 1


Settlement = PaymentSettled | PaymentRefused | SettlementsCleared
EVENTS = (PaymentAccepted, PaymentSettled, PaymentRefused, SettlementsCleared)


class NotAnEventError(ValueError):
    """A message is not one of our events. It must stay where it is and be looked at by a person."""


_encoder = json.Encoder()
_accepted = json.Decoder(PaymentAccepted)
_settlement: json.Decoder[Settlement] = json.Decoder(Settlement)


def encode(event: PaymentAccepted | Settlement) -> bytes:
    """Return the event as UTF-8 JSON."""
    return _encoder.encode(event)


def decode_accepted(data: bytes) -> PaymentAccepted:
    """Read a message of PAYMENTS.

    Raises:
        NotAnEventError: it is not a PaymentAccepted of a version known here.
    """
    try:
        return _accepted.decode(data)
    except (ValueError, RecursionError) as error:  # deeply nested JSON exhausts the decoder
        raise NotAnEventError(str(error)) from error


def decode_settlement(data: bytes) -> Settlement:
    """Read a message of SETTLEMENTS.

    Raises:
        NotAnEventError: it is none of the events of that stream in a version known here.
    """
    try:
        return _settlement.decode(data)
    except (ValueError, RecursionError) as error:  # deeply nested JSON exhausts the decoder
        raise NotAnEventError(str(error)) from error
