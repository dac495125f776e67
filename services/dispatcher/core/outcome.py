"""What one attempt means: from the reply to a POST, and where that does not show it, from a GET.

| reply to the POST | outcome |
|---|---|
| 2xx, complete | Booked |
| 409, 422, 500 or 503, and GET gives it | Booked, as GET says |
| 429; 500 and then GET = 404; 503 likewise, of a processor that speaks for itself | NotBooked |
| a refused connection, an unresolved name, a connect or a TLS handshake that failed or timed out | NotBooked |
| no TLS, as the other end is not trusted or does not admit us | NotBooked, and the processor is misconfigured |
| 400, 413, 415; 409 or 422 and then GET = 404 | Refused |
| 3xx, other 4xx | NotBooked, and the processor is misconfigured |
| everything else, and every row above whose GET is not answered | Unknown |

A 500 comes from the handler, which has then ended: nothing of it is still running. A 503 may come from a gateway that
has given up on a handler that is still running. The text of a message decides nothing; a GET does.
An outcome is about its own attempt only. When in doubt it is Unknown: a wrong NotBooked charges twice.
"""

from dataclasses import dataclass, field
from datetime import datetime

from services.contracts.money import Cents

# ---- replies


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """A complete HTTP answer to the POST; ``answered_at`` as in ``Booked``."""

    status: int
    detail: str
    answered_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NotSent:
    """There was no connection: by the exception's type, not one byte of the request was sent.

    ``misconfigured``: there will be none until a configuration changes.
    """

    detail: str
    misconfigured: bool = False


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Anything else: a timeout, a reset, half an answer, garbage. The processor may have booked, or may still do so."""

    detail: str


Reply = PostAnswer | NotSent | NoAnswer


@dataclass(frozen=True, slots=True)
class Found:
    """GET returned the payment as the processor recorded it; ``answered_at`` as in ``Booked``."""

    amount_cents: Cents
    requested_at: datetime
    answered_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Absent:
    """GET answered 404, completely."""


@dataclass(frozen=True, slots=True)
class LookupFailed:
    """GET did not answer, or not readably; ``is_there``: the processor has something under that id nevertheless.

    Either way it is not known whether the payment is booked.
    """

    detail: str
    is_there: bool = False


Lookup = Found | Absent | LookupFailed

# ---- outcomes


@dataclass(frozen=True, slots=True)
class Booked:
    """Charged. ``recorded`` is the processor's GET, None where the 2xx itself shows it.

    ``answered_at`` is when that 2xx was read; None: now, as far as is known.
    """

    recorded: Found | None
    answered_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NotBooked:
    """This attempt has not charged and never will; ``misconfigured``: no payment will succeed there."""

    detail: str
    misconfigured: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Rejected for good."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """This attempt may have charged, or may still do so."""

    detail: str


Outcome = Booked | NotBooked | Refused | Unknown


class AskProcessor:
    """The reply alone does not show it: look the id up at the same processor."""


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
    """Return what a POST's reply means, or that a look-up must show it."""
    match reply:
        case NotSent(detail, misconfigured):
            return NotBooked(detail, misconfigured)
        case NoAnswer(detail):
            return Unknown(detail)
        case PostAnswer(status, _, answered_at) if status in _SUCCESS:
            return Booked(recorded=None, answered_at=answered_at)
        case PostAnswer(status) if status in _ASKED_ABOUT:
            return ASK_PROCESSOR
        case PostAnswer(status, detail) if status == _TOO_MANY:
            return NotBooked(detail)
        case PostAnswer(status, detail) if status in _TURNED_DOWN:
            return Refused(detail)
        case PostAnswer(status, detail) if status in _MISCONFIGURED:
            return NotBooked(detail, misconfigured=True)
        case PostAnswer(_, detail):
            return Unknown(detail)


def outcome_after_lookup(reply: PostAnswer, lookup: Lookup, *, speaks_for_itself: bool = True) -> Outcome:
    """Return what a POST's reply means together with the look-up that followed it.

    Args:
        reply: one for which `outcome_of` has returned AskProcessor.
        lookup: the result of the GET.
        speaks_for_itself: whether a 503 is this processor's own and not that of a gateway in front of it.
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
