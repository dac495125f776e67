"""``dispatcher.stored.<owner>``: a dispatcher answers once it has stored what processors had answered it by then.

A reader of SETTLEMENTS up to the answer's sequence has every booking that the dispatcher knew when asked.
"""

from msgspec import Struct, json

from services.contracts.events import Instant, decoded


class StoredAsked(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``asked_at`` (UTC): the moment that the asker means, if it is not the moment when this arrives."""

    asked_at: Instant | None = None


class StoredAnswered(Struct, frozen=True, rename="camel"):
    """What is stored.

    Args:
        seq: in SETTLEMENTS; this dispatcher has stored nothing of that moment behind it.
        until: that moment (UTC, on the clock of ``booked_at`` in this dispatcher's settlements).
    """

    seq: int
    until: Instant


_encoder = json.Encoder()
_asked: json.Decoder[StoredAsked] = json.Decoder(StoredAsked)
_answered: json.Decoder[StoredAnswered] = json.Decoder(StoredAnswered)


def encode(message: StoredAsked | StoredAnswered) -> bytes:
    """Return the message as UTF-8 JSON."""
    return _encoder.encode(message)


def decode_asked(data: bytes) -> StoredAsked:
    """Read a request; an empty one means the moment when it arrives.

    Raises:
        NotAnEventError: it is none.
    """
    return decoded(_asked, data or b"{}")


def decode_answered(data: bytes) -> StoredAnswered:
    """Read an answer.

    Raises:
        NotAnEventError: it is none.
    """
    return decoded(_answered, data)
