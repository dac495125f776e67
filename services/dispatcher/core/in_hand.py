"""A payment in hand, the start of a call for it, and what waits in the stream behind it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, assert_never

from services.contracts.events import Word
from services.contracts.money import Cents
from services.dispatcher.core.outcome import Booked, NotBooked, Outcome, Refused, Unknown

ATTEMPTS_KEPT_MAX = 20  # of one payment, for people; how many there were is counted
DETAIL_CHARS_MAX = 200


class Attempted(NamedTuple):
    """One call that ended: when it was sent where, how long it took, its outcome, and the processor's text.

    ``span_id``: its span, for a payment that belongs to a trace.
    """

    requested_at: datetime
    processor: str
    took_ms: float
    outcome: Word
    detail: str
    span_id: str | None = None


@dataclass(slots=True, eq=False)
class InHand:
    """One payment in hand: what it is, where it may be sent, and how to ack it.

    Args:
        since_ms: when it began to wait, on the clock of the calls.
        seq: in PAYMENTS; ``handles`` are the ack handles by sequence, more than one where its id was accepted again.
        line: the sequence in ASSIGNMENTS of this process's own line, 0 if it has none.
        generation: of the only processor that it may be sent to; empty while it may be routed to any.
        in_doubt: others had it in hand, or an attempt ended Unknown: it stays there until that processor answers.
        traceparent: the one that it came with; None: it belongs to no trace.
    """

    id: str
    amount_cents: Cents
    accepted_at: datetime
    since_ms: float
    seq: int
    handles: dict[int, str]
    line: int = 0
    generation: str = ""
    in_doubt: bool = False
    attempts: int = 0
    call: tuple[str, int] | None = None  # the latest one's generation and token
    sent_at: datetime | None = None  # of the call that is under way
    attempted: list[Attempted] = field(default_factory=list)  # the newest calls that ended, oldest first
    traceparent: str | None = None

    @property
    def log_fields(self) -> dict[str, str]:
        """The fields of a log line about it: its id, and its traceparent if it has one."""
        return {"id": self.id} if self.traceparent is None else {"id": self.id, "traceparent": self.traceparent}

    def note(self, attempted: Attempted) -> None:
        """Keep the result of a call."""
        self.attempted.append(attempted)
        del self.attempted[:-ATTEMPTS_KEPT_MAX]


@dataclass(slots=True)
class Start:
    """Start a call for this payment at this generation of a processor."""

    payment: InHand
    generation: str


class Head(NamedTuple):
    """What was delivered to no dispatcher yet: how many payments; when the oldest was stored (ms, the calls' clock)."""

    backlog: int
    stored_ms: float


def attempted(
    requested_at: datetime, processor: str, took_ms: float, outcome: Outcome, span_id: str | None = None
) -> Attempted:
    """Return what is kept of a call that ended."""
    word: Word
    detail = ""
    match outcome:
        case Booked():
            word = "booked"
        case NotBooked(detail):
            word = "notBooked"
        case Refused(detail):
            word = "refused"
        case Unknown(detail):
            word = "unknown"
        case _:
            assert_never(outcome)
    return Attempted(requested_at, processor, took_ms, word, detail[:DETAIL_CHARS_MAX], span_id)
