"""A payment in hand, the start of a call for it, and what waits in the stream behind it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.contracts.money import Cents


@dataclass(slots=True, eq=False)
class InHand:
    """One payment in hand: what it is, where it may go, and how to ack it.

    Args:
        since_ms: when it began to wait, on the clock of the calls.
        seq: in PAYMENTS; ``handles`` are the ack handles by sequence, more than one where its id was accepted again.
        line: the sequence in ASSIGNMENTS of this process's own line; 0: it has none.
        generation: of a processor, the only one that it may be sent to; empty while it may be routed to any.
        in_doubt: it was in other hands, or an attempt ended Unknown: it stays where it is until that one tells.
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


@dataclass(slots=True)
class Start:
    """Start a call for this payment at this generation of a processor."""

    payment: InHand
    generation: str


class Head(NamedTuple):
    """What waits in the stream: how many payments, and when the oldest was stored (ms, on the clock of the calls)."""

    backlog: int
    stored_ms: float
