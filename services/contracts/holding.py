"""What dispatchers say of payments that are not settled.

``dispatcher.payment`` asked with a HoldingAsked: of one payment. ``dispatcher.payments`` asked with a HoldingsAsked: of
many, in the order of their sequences in PAYMENTS; every dispatcher answers with what it knows.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct, json

from services.contracts.events import Id, Instant, Word, decoded

LIMIT_MAX = 500  # of one question
ANSWER_BYTES_MAX = 48 * 1024  # of its holdings: the server takes messages of 64 KB (nats.conf)


class HoldingAsked(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Which payment; ``life``: with its assignments and attempts."""

    id: Id
    life: bool = False


class HoldingsAsked(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Which payments, at most ``limit``, by their sequences in PAYMENTS.

    Args:
        limit: how many at most.
        after: the sequence behind which they begin.
        to: the last sequence; null: no end.
        processor: only those that may be sent to this one alone.
        in_doubt: only those that are in doubt. (Which are not follows only from the answers of all dispatchers.)
    """

    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
    after: int = 0
    to: int | None = None
    processor: str | None = None
    in_doubt: bool = False


class AttemptMade(Struct, frozen=True, rename="camel"):
    """One call of the process that has the payment in hand.

    Args:
        requested_at: the stamp that was sent, right before the call.
        processor: which was called.
        took_ms: until it ended; null: it is under way.
        outcome: what came of it; null: it is under way.
        detail: the processor's words, or what went wrong; may be empty.
    """

    requested_at: Instant
    processor: str
    took_ms: float | None = None
    outcome: Word | None = None
    detail: str = ""


class AssignmentMade(Struct, frozen=True, rename="camel"):
    """One line of a payment that the log of ASSIGNMENTS still has.

    Args:
        line: its sequence there.
        at: when it was stored; null where that is not known.
        kind: ``send``, ``returned`` or ``refused`` of a dispatcher, ``released`` of an operator.
        processor: where it may be sent from then on, or where it was refused or returned.
        owner: the process that wrote it; empty: an operator.
        detail: of a refusal or a release, why.
    """

    line: int
    at: Instant | None
    kind: Literal["send", "returned", "refused", "released"]
    processor: str
    owner: str = ""
    detail: str = ""


class Holding(Struct, frozen=True, rename="camel"):
    """What the log of ASSIGNMENTS and the dispatcher that has it in hand say of a payment.

    Args:
        id: of the payment.
        processor: the only one that it may be sent to; empty: it is assigned to none.
        line: the sequence in ASSIGNMENTS of its last valid line; a release must follow it.
        owner: the process of that line; empty: nobody's.
        attempts: calls that the process made which has it in hand; 0 where none has it.
        in_doubt: an attempt at that processor may have booked it, or may yet.
        since: when that line was stored; without one, when it began to wait in hand; null where that is not known.
        released: an operator released it to that processor, and no process has had it in hand since.
        seq: in PAYMENTS; 0 where that is not known.
        in_hand: who answers has it in hand; else it knows of it by the log alone.
        last: the newest attempt of that process; null: none ended or is under way.
        attempts_made: the newest of them, oldest first; asked for by ``life``.
        assignments: the newest lines, oldest first; asked for by ``life``.
        by: the process that answers.
    """

    id: Id
    processor: str
    line: int
    owner: str
    attempts: int
    in_doubt: bool
    since: Instant | None = None
    released: bool = False
    seq: int = 0
    in_hand: bool = False
    last: AttemptMade | None = None
    attempts_made: tuple[AttemptMade, ...] = ()
    assignments: tuple[AssignmentMade, ...] = ()
    by: str = ""


class HoldingsAnswered(Struct, frozen=True, rename="camel"):
    """What one dispatcher knows of the payments that were asked about.

    Args:
        owner: the process that answers.
        others: the other processes whose pulse it has received recently.
        holdings: by their sequences in PAYMENTS.
        looked_to: the sequence up to which this is all; null: it is all that was asked for.
    """

    owner: str
    others: tuple[str, ...]
    holdings: tuple[Holding, ...]
    looked_to: int | None = None


_encoder = json.Encoder()
_asked: json.Decoder[HoldingAsked] = json.Decoder(HoldingAsked)
_holding: json.Decoder[Holding] = json.Decoder(Holding)
_many_asked: json.Decoder[HoldingsAsked] = json.Decoder(HoldingsAsked)
_many_answered: json.Decoder[HoldingsAnswered] = json.Decoder(HoldingsAnswered)


def encode(message: HoldingAsked | Holding | HoldingsAsked | HoldingsAnswered) -> bytes:
    """Return the message as UTF-8 JSON."""
    return _encoder.encode(message)


def fitting(holdings: Sequence[Holding]) -> tuple[Holding, ...]:
    """Return as many of these, from the first on, as one answer may have; at least the first."""
    size = 0
    for count, each in enumerate(holdings):
        size += len(_encoder.encode(each))
        if count and size > ANSWER_BYTES_MAX:
            return tuple(holdings[:count])
    return tuple(holdings)


def decode_asked(data: bytes) -> HoldingAsked:
    """Read a request for one payment.

    Raises:
        NotAnEventError: it is none.
    """
    return decoded(_asked, data)


def decode_holding(data: bytes) -> Holding:
    """Read an answer about one payment.

    Raises:
        NotAnEventError: it is none.
    """
    return decoded(_holding, data)


def decode_many_asked(data: bytes) -> HoldingsAsked:
    """Read a request for many payments.

    Raises:
        NotAnEventError: it is none.
    """
    return decoded(_many_asked, data)


def decode_many_answered(data: bytes) -> HoldingsAnswered:
    """Read an answer about many payments.

    Raises:
        NotAnEventError: it is none.
    """
    return decoded(_many_answered, data)
