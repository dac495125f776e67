"""The facts that services send each other, as versioned JSON.

Each event says its type and version; fields are public, camelCase, and never change their meaning within a version.
The schemas in ``schemas/`` are generated from these classes (``make schemas``); a test holds them together.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, json

from services.contracts.money import Cents
from services.contracts.shown import Shown, ShownFields
from services.contracts.traceparent import SpanId, Traceparent

Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$(?!\n)", description="lower-case UUID")]
AmountCents = Annotated[Cents, Meta(ge=1, description="whole cents")]
Instant = Annotated[datetime, Meta(tz=True, description="UTC")]
Word = Literal["booked", "notBooked", "refused", "unknown"]  # what came of a call to a processor
Sequence = Annotated[int, Meta(ge=1, description="sequence of the payment in PAYMENTS")]

T = TypeVar("T")


class TracedAttempt(Struct, frozen=True, rename="camel", gc=False):
    """One call to a processor of a payment that belongs to a trace.

    Args:
        span_id: what the processor got as its parent.
        processor: its name.
        began_at: the stamp that was sent with it.
        ended_at: when its outcome was known, look-up included.
        outcome: of this call alone.
    """

    span_id: SpanId
    processor: str
    began_at: Instant
    ended_at: Instant
    outcome: Word


class Trace(Struct, frozen=True, rename="camel", gc=False):
    """The trace that a payment belongs to.

    Args:
        parent: the header traceparent that came with the payment.
        attempts: the last calls, in order, of the dispatcher that ended the payment; those of others are not known.
    """

    parent: Traceparent
    attempts: tuple[TracedAttempt, ...] = ()


class PaymentAccepted(Struct, frozen=True, tag_field="type", tag="PaymentAccepted", rename="camel", gc=False):
    """Stored by ingress: this amount is to be charged once."""

    id: Id
    amount_cents: AmountCents
    accepted_at: Instant
    v: Literal[1] = 1


class PaymentSettled(Struct, frozen=True, tag_field="type", tag="PaymentSettled", rename="camel", gc=False):
    """Booked by a processor. ``requested_at`` and ``amount_cents`` are what that processor recorded.

    ``booked_at``: when its answer came, on the clock of the dispatcher; null in older settlements. ``trace``: only
    of a payment that came with a traceparent.
    """

    id: Id
    amount_cents: AmountCents
    processor: Annotated[str, Shown("Where it was charged or refused.")]
    requested_at: Annotated[Instant, Shown("The stamp that the processor recorded; the summary uses it.")]
    accepted_at: Annotated[Instant, Shown("When it was accepted, by the clock of ingress.")]
    payment_seq: Sequence
    booked_at: Annotated[
        Instant | None,
        Shown("When the processor's answer came, by the dispatcher's clock; not in settlements of earlier versions."),
    ] = None
    v: Literal[1] = 1
    trace: Trace | UnsetType = UNSET


# In every answer about a settled payment, in the list, in the export and in the API's description, in this order.
SHOWN_OF_SETTLED = ShownFields(PaymentSettled)


class PaymentRefused(Struct, frozen=True, tag_field="type", tag="PaymentRefused", rename="camel", gc=False):
    """Turned down for good by a processor; nothing was charged. ``trace``: as of PaymentSettled."""

    id: Id
    amount_cents: AmountCents
    processor: str
    detail: str
    accepted_at: Instant
    payment_seq: Sequence
    v: Literal[1] = 1
    trace: Trace | UnsetType = UNSET


class PaymentReleased(Struct, frozen=True, tag_field="type", tag="PaymentReleased", rename="camel", gc=False):
    """An operator has the payment sent to another processor, though attempts at the one before may still be booked.

    Says what was decided, and stays; the line in ASSIGNMENTS, written after it, is what dispatchers go by.
    """

    id: Id
    from_processor: str
    to_processor: str
    reason: str
    released_at: Instant
    v: Literal[1] = 1


class SettlementsCleared(Struct, frozen=True, tag_field="type", tag="SettlementsCleared", rename="camel", gc=False):
    """The book forgets all that was settled before this event; the stream keeps it."""

    cleared_at: Instant
    v: Literal[1] = 1


Settlement = PaymentSettled | PaymentRefused | PaymentReleased | SettlementsCleared
EVENTS = (PaymentAccepted, PaymentSettled, PaymentRefused, PaymentReleased, SettlementsCleared)


class NotAnEventError(ValueError):
    """A message is not one of our events. It must stay where it is and be looked at by a person."""


_encoder = json.Encoder()
# As a union, so that the type must be there and be one of these.
_event: json.Decoder[PaymentAccepted | Settlement] = json.Decoder(PaymentAccepted | Settlement)


def encode(event: PaymentAccepted | Settlement) -> bytes:
    """Return the event as UTF-8 JSON."""
    return _encoder.encode(event)


def decode_accepted(data: bytes) -> PaymentAccepted:
    """Read a message of PAYMENTS.

    Raises:
        NotAnEventError: it is not a PaymentAccepted of a version known here.
    """
    event = decoded(_event, data)
    if not isinstance(event, PaymentAccepted):
        raise NotAnEventError(f"{type(event).__name__} does not belong in PAYMENTS")
    return event


def decode_settlement(data: bytes) -> Settlement:
    """Read a message of SETTLEMENTS.

    Raises:
        NotAnEventError: it is none of the events of that stream in a version known here.
    """
    event = decoded(_event, data)
    if isinstance(event, PaymentAccepted):
        raise NotAnEventError("PaymentAccepted does not belong in SETTLEMENTS")
    return event


def decoded(decoder: json.Decoder[T], data: bytes) -> T:
    """Read a message, of any contract, with its decoder.

    Raises:
        NotAnEventError: it is not such a message.
    """
    try:
        return decoder.decode(data)
    except (ValueError, RecursionError) as error:  # deeply nested JSON exhausts the decoder
        raise NotAnEventError(str(error)) from error
