"""What ingress may answer about a payment: closed unions, so that no case is forgotten and none is invented.

The rule: ``Accepted`` and ``Replayed`` exist only for a payment that is, or was, in a stream.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, assert_never

from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentSettled
from services.contracts.holding import AttemptMade
from services.contracts.money import Cents

REPEAT_IS_SAFE = "repeating it with the same correlationId is safe"


@dataclass(frozen=True, slots=True)
class Stored:
    """The stream has confirmed that it holds it."""


@dataclass(frozen=True, slots=True)
class Known:
    """The id was stored before, and nothing is stored now; ``original`` if that was found at once."""

    original: "Standing | None" = None


@dataclass(frozen=True, slots=True)
class TryLater:
    """It is not known, or cannot be done, now; the same request may be repeated without harm."""

    slug: str
    detail: str


@dataclass(frozen=True, slots=True)
class WaitingFor:
    """What an accepted payment waits for, according to a dispatcher.

    Args:
        processor: the only one that it may be sent to; None: any that serves.
        since: when it was assigned there, or else when it began to wait; None if the dispatcher does not know.
        attempts: calls of the dispatcher that has it in hand.
        in_doubt: one of them, or an earlier one, may have been booked: it stays there until that processor answers.
        dispatcher: the instance that may send it, by the log; None: it belongs to nobody.
        released: an operator released it to that processor, and no dispatcher has had it in hand since.
        last: the newest call of the dispatcher that has it in hand; None: there was none, or none has it in hand.
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
    """The status of a payment, by the newest event about it.

    Args:
        event: the newest event.
        waiting_for: only for an accepted one: None if no dispatcher has it, or none answers.
        traceparent: the header that it came with; None: there was none, or it is not shown, as in lists.
    """

    event: PaymentAccepted | PaymentSettled | PaymentRefused
    waiting_for: WaitingFor | None = None
    traceparent: str | None = None

    @property
    def payment_id(self) -> str:
        """Its id, in lower case."""
        return self.event.id

    @property
    def amount_cents(self) -> Cents:
        """The amount; of a settled payment what the processor recorded."""
        return self.event.amount_cents

    @property
    def accepted_at(self) -> datetime:
        """When it was accepted, by the clock of ingress."""
        return self.event.accepted_at

    @property
    def status(self) -> Literal["accepted", "settled", "refused"]:
        """What the event says of it."""
        match self.event:
            case PaymentAccepted():
                return "accepted"
            case PaymentSettled():
                return "settled"
            case PaymentRefused():
                return "refused"
            case never:
                assert_never(never)


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
    """The client's wait is over, and its payment neither settled nor refused."""


@dataclass(frozen=True, slots=True)
class NotAwaited:
    """As many wait as may, or the service stops: the client is answered at once."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """The book is cleared of all before now."""
