"""What one attempt means: from what came back of a POST, and where that does not say, of a GET.

| what came back of the POST | outcome |
|---|---|
| 2xx, complete | Booked |
| 409, 422, 500 or 503, and GET gives it | Booked, as GET says |
| 429; 500 and then GET = 404; 503 likewise, of a processor that speaks for itself | NotBooked |
| a refused connection, an unresolved name, a connect or a TLS handshake that failed or timed out | NotBooked |
| no TLS, as who is there cannot be trusted, or does not let us in | NotBooked, and the processor is misconfigured |
| 400, 413, 415; 409 or 422 and then GET = 404 | Refused |
| 3xx, other 4xx | NotBooked, and the processor is misconfigured |
| everything else, and every row above whose GET is not answered | Unknown |

A 500 comes from the handler, which has then ended: nothing of it is still running. A 503 may come from a gateway that
has given up on a handler that has not. What a message says decides nothing: it is a text, and GET is a fact.
An outcome speaks for its own attempt only. Whoever doubts says Unknown: a wrong NotBooked charges twice.
"""

from dataclasses import dataclass, field
from datetime import datetime

from services.contracts.money import Cents

# ---- what came back


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer to the POST; ``answered_at`` as of ``Booked``."""

    status: int
    detail: str
    answered_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NotSent:
    """No connection came about: by the exception's type, not one byte of the request left.

    ``misconfigured``: nor will there be one before somebody changes something.
    """

    detail: str
    misconfigured: bool = False


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Anything else: a timeout, a reset, half an answer, garbage. The processor may have booked, or may yet."""

    detail: str


Reply = Answer | NotSent | NoAnswer


@dataclass(frozen=True, slots=True)
class Found:
    """GET gave the payment as the processor recorded it; ``answered_at`` as of ``Booked``."""

    amount_cents: Cents
    requested_at: datetime
    answered_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Absent:
    """GET answered 404, completely."""


@dataclass(frozen=True, slots=True)
class LookupFailed:
    """GET did not answer, or not in a way that can be read; ``is_there``: it has something under that id all the same.

    What follows for a payment is the same: it is not known whether it is booked.
    """

    detail: str
    is_there: bool = False


Lookup = Found | Absent | LookupFailed

# ---- what it means


@dataclass(frozen=True, slots=True)
class Booked:
    """Charged. ``recorded`` is what the processor's GET says, None where the 2xx itself is the word.

    ``answered_at`` is when that 2xx was read; None: now, as far as anybody knows.
    """

    recorded: Found | None
    answered_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NotBooked:
    """This attempt has not charged and never will; ``misconfigured``: no payment will get through there."""

    detail: str
    misconfigured: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Turned down for good."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """This attempt may have charged, or may yet."""

    detail: str


Outcome = Booked | NotBooked | Refused | Unknown


class AskProcessor:
    """The reply alone does not say: look the id up at the same processor."""


ASK_PROCESSOR = AskProcessor()

_SUCCESS = range(200, 300)
_HANDLER_FAILED = 500
_UNAVAILABLE = 503
_BOOKED_OR_REFUSED = frozenset({409, 422})
_ASKED_ABOUT = _BOOKED_OR_REFUSED | {_HANDLER_FAILED, _UNAVAILABLE}
_TOO_MANY = 429
_TURNED_DOWN = frozenset({400, 413, 415})
_MISCONFIGURED = range(300, 500)


def outcome_of(reply: Reply) -> Outcome | AskProcessor:
    """Return what a POST's reply means, or that a look-up must say."""
    match reply:
        case NotSent(detail, misconfigured):
            return NotBooked(detail, misconfigured)
        case NoAnswer(detail):
            return Unknown(detail)
        case Answer(status, _, answered_at) if status in _SUCCESS:
            return Booked(recorded=None, answered_at=answered_at)
        case Answer(status) if status in _ASKED_ABOUT:
            return ASK_PROCESSOR
        case Answer(status, detail) if status == _TOO_MANY:
            return NotBooked(detail)
        case Answer(status, detail) if status in _TURNED_DOWN:
            return Refused(detail)
        case Answer(status, detail) if status in _MISCONFIGURED:
            return NotBooked(detail, misconfigured=True)
        case Answer(_, detail):
            return Unknown(detail)


def outcome_after_lookup(reply: Answer, lookup: Lookup, *, speaks_for_itself: bool = True) -> Outcome:
    """Return what a POST's reply means together with the look-up that followed it.

    Args:
        reply: one of those that `outcome_of` has asked about.
        lookup: what GET said.
        speaks_for_itself: whether a 503 is this processor's own and not a gateway's before it.
    """
    match lookup:
        case Found():
            return Booked(recorded=lookup)
        case Absent() if reply.status in _BOOKED_OR_REFUSED:
            return Refused(reply.detail)
        case Absent() if reply.status == _HANDLER_FAILED or speaks_for_itself:
            return NotBooked(reply.detail)
        case Absent():
            return Unknown(f"{reply.detail}, perhaps a gateway's")
        case LookupFailed(detail):
            return Unknown(f"{reply.detail}, and GET: {detail}")
