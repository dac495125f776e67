"""``dispatcher.release``: what is known of one payment, and its release from the processor that it is assigned to.

Requested with a ReleaseAsked, answered with a ReleaseAnswered. The caller of a release has recorded it in OPERATIONS
before, and a person has accepted the risk.
"""

from typing import Literal, TypeVar

from msgspec import Struct, json

from services.contracts.assignments import LogSequence
from services.contracts.events import (
    AmountCents,
    Id,
    Instant,
    PaymentAccepted,
    PaymentRefused,
    PaymentReleased,
    PaymentSettled,
    decoded,
)
from services.contracts.operating import ListedProcessor

ANSWERED_WITHIN_S = 12.0  # processors are asked for 3 s, and the streams read and written; a client has 15 s by HTTP
CONFIRMED_CHARS = 12  # of the end of an id, which nobody enters in the wrong window or out of habit

Why = Literal[
    "no_such_payment",
    "payment_settled",
    "payment_refused",
    "not_assigned",
    "not_a_processor",
    "assigned_there",
    "assigned_elsewhere",
    "overtaken",
    "charged",
    "doubtful",
    "not_in_doubt",
    "not_stored",
]


class Confirmed(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What a person has judged and wants.

    Args:
        from_processor: the one that the payment was assigned to.
        line: the sequence in ASSIGNMENTS of its last line then; the release must follow it.
        reason: why, valid for ``operations.reason_from_text``.
    """

    from_processor: str
    line: LogSequence
    reason: str


class ReleaseAsked(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Which payment, and to where; empty: to any. ``confirmed``: release it; null: only look, nothing is changed."""

    id: Id
    to_processor: str = ""
    confirmed: Confirmed | None = None


class ProcessorAnswer(Struct, frozen=True, rename="camel"):
    """The answer of one generation of a processor about a payment, now.

    Args:
        generation: as in lines.
        answer: ``charged``, with amount and stamp; ``notCharged`` when it answered, though a call under way may still
            be booked; ``unreadable``: it has something under that id; ``unanswered``: nothing follows from that.
        detail: of the last two, the reason.
    """

    generation: str
    answer: Literal["charged", "notCharged", "unreadable", "unanswered"]
    amount_cents: AmountCents | None = None
    requested_at: Instant | None = None
    detail: str = ""


class Sight(Struct, frozen=True, rename="camel"):
    """All that is known of one payment.

    Args:
        id: of the payment.
        accepted: as it waits in PAYMENTS; null: it is not there.
        seq: its sequence there, or 0.
        settlement: where it is settled or refused.
        releases: its recorded releases, oldest first, done or not.
        generation: of the processor that it is assigned to, or was before a release; empty: none.
        processor: the only one that it may be sent to; empty: any.
        line: the sequence in ASSIGNMENTS of its last valid line; 0: there is none.
        is_free: it belongs to nobody: never assigned, given back, or released.
        is_refused: that processor has refused it for good, which must only be recorded.
        is_doubtful: the store went back in time, it has no line since, and not every other processor has answered late
            enough that it has not charged it.
        in_doubt: an attempt at that processor may have booked it, or may still do so.
        records: each processor's answer about it.
        processors: those that charge, paused ones too.
    """

    id: Id
    accepted: PaymentAccepted | None
    seq: int
    settlement: PaymentSettled | PaymentRefused | None
    releases: tuple[PaymentReleased, ...]
    generation: str
    processor: str
    line: LogSequence
    is_free: bool
    is_refused: bool
    is_doubtful: bool
    in_doubt: bool
    records: tuple[ProcessorAnswer, ...]
    processors: tuple[ListedProcessor, ...]


class Refusal(Struct, frozen=True, rename="camel"):
    """Why a payment may not be released; ``detail`` is a sentence."""

    why: Why
    detail: str


class ReleaseAnswered(Struct, frozen=True, rename="camel"):
    """What is known, and the result.

    Args:
        sight: what was known when it was judged.
        refusal: why it may not be released, and was not; null: it may, or is.
        released: the release, if one was requested and is done.
        is_repeated: it was done before; ``released`` is what was recorded then.
    """

    sight: Sight
    refusal: Refusal | None = None
    released: PaymentReleased | None = None
    is_repeated: bool = False
    v: Literal[1] = 1


M = TypeVar("M", ReleaseAsked, ReleaseAnswered)

_encoder = json.Encoder()


def encode(message: ReleaseAsked | ReleaseAnswered) -> bytes:
    """Return the message as UTF-8 JSON."""
    return _encoder.encode(message)


def decode(data: bytes, kind: type[M]) -> M:
    """Read a message of that kind.

    Raises:
        NotAnEventError: it is not such a message.
    """
    return decoded(json.Decoder(kind), data)


def released_there(sight: Sight) -> PaymentReleased | None:
    """Return the newest release to where the payment is now; None: no release has brought it there.

    A release is recorded before it is done, so that one that lost to another, or was not done, is among the recorded.
    """
    at = sight.processor if sight.settlement is None else sight.settlement.processor
    return next((event for event in reversed(sight.releases) if event.to_processor == at), None)


def targets(sight: Sight) -> tuple[str, ...]:
    """Return the processors to which the payment could be released."""
    return tuple(each.name for each in sight.processors if each.state != "closing" and each.name != sight.processor)


def risk(bound: str, to: str) -> str:
    """Return in plain words what a release risks; ``to`` empty: wherever it goes."""
    return (
        f"WHAT THIS RISKS: a double charge.\n"
        f"Whatever was sent to {bound} so far, or is being sent at this moment, may still be booked there, now or\n"
        f"much later. After the release the payment is charged at {to or 'another processor'} as well:\n"
        f"then the customer has paid twice.\n"
        f"Nothing here can prevent that or take it back; only {bound} can say that it never booked it and never will.\n"
        f"If {bound} may come back, wait: the payment is not lost, it is sent there until it is settled."
    )


def warnings(sight: Sight, to: str) -> tuple[str, ...]:
    """Return what an operator should know of pauses before releasing to ``to``; empty: to any that is paused."""
    said = []
    for each in sight.processors:
        if each.pause is None:
            continue
        since = "" if each.pause.since is None else f" since {each.pause.since:%Y-%m-%dT%H:%M:%SZ}"
        paused = f"{each.name} is paused{since} by {each.pause.by} ({each.pause.reason})"
        if each.name == sight.processor:
            said.append(f"{paused}: what is assigned there is still settled there, so a pause is no reason to release.")
        elif to in {"", each.name}:
            said.append(f"{paused}: a payment released to it waits there until it is resumed.")
    return tuple(said)
