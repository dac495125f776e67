"""What ingress may answer about a payment: closed unions, so that no case is forgotten and none is invented.

The rule that they keep: ``Accepted`` and ``Replayed`` exist only for a payment that is, or was, in a stream.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.contracts.holding import AttemptMade
from services.contracts.money import Cents

REPEAT_IS_SAFE = "repeating it with the same correlationId is safe"


@dataclass(frozen=True, slots=True)
class Stored:
    """The stream has said that it holds it."""


@dataclass(frozen=True, slots=True)
class Known:
    """The id was stored before, and nothing is now; ``original`` where that was found at once."""

    original: "Standing | None" = None


@dataclass(frozen=True, slots=True)
class TryLater:
    """It cannot be said, or done, now; the same request may be repeated without harm."""

    slug: str
    detail: str


@dataclass(frozen=True, slots=True)
class WaitingFor:
    """Where an accepted payment is on its way, as a dispatcher says.

    Args:
        processor: the only one that it may be sent to; None: any that serves.
        since: when it was assigned there, or else when it began to wait; None where the dispatcher does not know.
        attempts: calls of the dispatcher that has it in hand.
        in_doubt: one of them, or an earlier one, may have been booked: it stays there until that processor tells.
        dispatcher: the instance that may send it, by the log; None: it is nobody's.
        released: an operator had it released to that processor, and nobody has it since.
        last: the newest call of the dispatcher that has it in hand; None: there was none, or nobody has it in hand.
    """

    processor: str | None
    since: datetime | None
    attempts: int
    in_doubt: bool
    dispatcher: str | None = None
    released: bool = False
    last: AttemptMade | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a payment stands, by the newest event about it; None where that event does not say.

    ``waiting_for`` is for an accepted one alone: None where no dispatcher has it, or none says. ``traceparent``: the
    header that it came with, None where there was none.
    """

    payment_id: str
    status: Literal["accepted", "settled", "refused"]
    amount_cents: Cents
    accepted_at: datetime
    processor: str | None = None
    requested_at: datetime | None = None
    booked_at: datetime | None = None
    detail: str | None = None
    waiting_for: WaitingFor | None = None
    traceparent: str | None = None


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
class NotYet:
    """The time that a client would wait is over, and its payment neither settled nor refused."""


@dataclass(frozen=True, slots=True)
class NotAwaited:
    """As many wait as may, or the service stops: the client is answered at once."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """The book forgets all before now."""
