"""What a dispatcher says of one payment that is not settled: ``dispatcher.payment`` asked with a HoldingAsked."""

from msgspec import Struct, json

from services.contracts.events import Id, Instant, NotAnEventError


class HoldingAsked(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Which payment."""

    id: Id


class Holding(Struct, frozen=True, rename="camel"):
    """What the log of ASSIGNMENTS and the dispatcher that has it in hand say of a payment.

    Args:
        id: of the payment.
        processor: the only one that it may be sent to; empty: it is assigned to none.
        line: the sequence in ASSIGNMENTS of its last valid line; a release must follow it.
        owner: the process of that line; empty: nobody's.
        attempts: calls that the process made which has it in hand; 0 where none has it.
        in_doubt: an attempt at that processor may have booked it, or may yet.
        released: an operator had it released to that processor, and nobody has it since.
        since: when that line was stored; without one, when it began to wait in hand; null where that is not known.
    """

    id: Id
    processor: str
    line: int
    owner: str
    attempts: int
    in_doubt: bool
    since: Instant | None = None
    released: bool = False


_encoder = json.Encoder()
_asked: json.Decoder[HoldingAsked] = json.Decoder(HoldingAsked)
_holding: json.Decoder[Holding] = json.Decoder(Holding)


def encode(message: HoldingAsked | Holding) -> bytes:
    """Return the message as UTF-8 JSON."""
    return _encoder.encode(message)


def decode_asked(data: bytes) -> HoldingAsked:
    """Read a request.

    Raises:
        NotAnEventError: it is none.
    """
    try:
        return _asked.decode(data)
    except (ValueError, RecursionError) as error:
        raise NotAnEventError(str(error)) from error


def decode_holding(data: bytes) -> Holding:
    """Read an answer.

    Raises:
        NotAnEventError: it is none.
    """
    try:
        return _holding.decode(data)
    except (ValueError, RecursionError) as error:
        raise NotAnEventError(str(error)) from error
