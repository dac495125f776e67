"""OPERATIONS: who did what to the running system, as the operators' own log. Pure.

Two events for one operation, of one ``id``: ``asked`` is stored before anything is done, and the outcome after.
So nothing is done that has no record (but for keys while NATS is away: docs/security.md); an ``asked`` without a second
event may be done or not, because the process that did it ended in between.
"""

from datetime import datetime
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct, json

from services.contracts.events import Instant, decoded

TEXT_CHARS_MAX = 500

Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
Kind = Literal["pause", "resume", "move", "release", "purge", "key-add", "key-revoke"]
Step = Literal["asked", "done", "refused", "failed"]


class Operation(Struct, frozen=True):
    """What somebody wants done.

    Args:
        kind: what.
        target: to which processor, payment or key; empty where there is only one thing that it can be done to.
        reason: why, in the operator's words; may be empty.
        detail: what else it was done with, as the URL of a move.
    """

    kind: Kind
    target: str = ""
    reason: str = ""
    detail: str = ""


class Operator(NamedTuple):
    """Who does it.

    Args:
        user: of NATS, as in the subject: ``ingress`` for what comes by HTTP, ``open`` on a bus without users.
        who: the name of the API key, or of the user of the operating system; ``open`` where no key is asked for.
    """

    user: str
    who: str

    @property
    def word(self) -> str:
        """In one word: by HTTP the key's name, else both users."""
        return self.who if self.user == "ingress" else f"{self.user}/{self.who}"


class OperationRecorded(Struct, frozen=True, tag_field="type", tag="OperationRecorded", rename="camel", gc=False):
    """An operation is asked for, or has come to something.

    Args:
        id: the same for both events of one operation.
        step: ``asked``; then ``done``, ``refused`` (nothing was done) or ``failed`` (``detail`` says how).
        kind, target, reason, detail: as of Operation; ``detail`` of what came of it, where there is more to say.
        user, who: as of Operator.
        at: on the clock of who records it.
    """

    id: str
    step: Step
    kind: Kind
    target: Text
    reason: Text
    detail: Text
    user: str
    who: str
    at: Instant
    v: Literal[1] = 1

    @property
    def operator(self) -> Operator:
        """Who did it."""
        return Operator(self.user, self.who)


_encoder = json.Encoder()
_decoder: json.Decoder[OperationRecorded] = json.Decoder(OperationRecorded)


def event_of(
    operation: Operation, operation_id: str, step: Step, operator: Operator, at: datetime
) -> OperationRecorded:
    """Return the event; a text that is too long for it is cut."""
    return OperationRecorded(
        id=operation_id,
        step=step,
        kind=operation.kind,
        target=operation.target[:TEXT_CHARS_MAX],
        reason=operation.reason[:TEXT_CHARS_MAX],
        detail=operation.detail[:TEXT_CHARS_MAX],
        user=operator.user,
        who=operator.who,
        at=at,
    )


def encode_operation(event: OperationRecorded) -> bytes:
    """Return the event as UTF-8 JSON."""
    return _encoder.encode(event)


def decode_operation(data: bytes) -> OperationRecorded:
    """Read a message of OPERATIONS.

    Raises:
        NotAnEventError: it is none of a version known here.
    """
    return decoded(_decoder, data)


def reason_from_text(text: str) -> str:
    """Read why somebody does something.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    reason = text.strip()
    if not reason or len(text) > TEXT_CHARS_MAX or not reason.isprintable():
        raise ValueError(f"must be 1 to {TEXT_CHARS_MAX} printable characters that say why")
    return reason
