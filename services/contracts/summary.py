"""What is asked of the ledger, and what it answers: counts and cents per processor within a period."""

from datetime import datetime

from msgspec import Struct, json

from services.contracts.events import Instant, decoded


class SummaryAsked(Struct, frozen=True, rename={"from_": "from"}, forbid_unknown_fields=True):
    """The period by requested_at, both ends inclusive; None is an open end.

    ``at``: the moment as of which it is asked; None is the moment when the ledger gets the request.
    """

    from_: datetime | None = None
    to: datetime | None = None
    at: Instant | None = None


class Totals(Struct, frozen=True):
    """Settlements at one processor within the period."""

    count: int
    cents: int


class SummaryAnswered(Struct, frozen=True):
    """Totals by processor name; a processor without settlements has zeros."""

    totals: dict[str, Totals]
    v: int = 1


_encoder = json.Encoder()
_asked = json.Decoder(SummaryAsked)
_answered = json.Decoder(SummaryAnswered)


def encode(message: SummaryAsked | SummaryAnswered) -> bytes:
    """Return the message as UTF-8 JSON."""
    return _encoder.encode(message)


def decode_asked(data: bytes) -> SummaryAsked:
    """Read a request; an empty one asks for everything.

    Raises:
        NotAnEventError: it is not a SummaryAsked.
    """
    return decoded(_asked, data or b"{}")


def decode_answered(data: bytes) -> SummaryAnswered:
    """Read an answer.

    Raises:
        NotAnEventError: it is not a SummaryAnswered.
    """
    return decoded(_answered, data)
