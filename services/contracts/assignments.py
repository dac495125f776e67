"""The lines of ASSIGNMENTS: who may send which payment where. What a line means is ``dispatcher.core.ownership``.

One message holds all that a dispatcher assigns in one turn. Messages are read by every dispatcher in the order of the
stream, so that all of them agree.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, json

from services.contracts.events import Id, Instant, Sequence, decoded

GENERATION_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,31}/[1-9][0-9]{0,8}$(?!\n)"

Generation = Annotated[str, Meta(pattern=GENERATION_PATTERN, description="name of a processor, / and its generation")]
Owner = Annotated[str, Meta(min_length=1, max_length=96, description="instance, / and a random number of the process")]
LogSequence = Annotated[int, Meta(ge=0, description="sequence in ASSIGNMENTS of the line that this follows, or 0")]
Kind = Literal["send", "returned", "refused"]


class Line(Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """One payment of a turn.

    Args:
        id: of the payment.
        seq: its sequence in PAYMENTS.
        generation: where it may be sent, as ``default/3``.
        after: the sequence in ASSIGNMENTS of the line of this id that it follows; 0 for none.
        kind: ``send``: it may be sent there; ``returned``: it belongs to nobody again; ``refused``: there, for good.
        detail: of a refusal, what the processor said.
    """

    id: Id
    seq: Sequence
    generation: Generation
    after: LogSequence = 0
    kind: Kind = "send"
    detail: str = ""


class TurnAssigned(Struct, frozen=True, tag_field="type", tag="TurnAssigned", rename="camel", gc=False):
    """All that one process assigns in one turn; ``turn`` counts from 1 in each process.

    One without lines only shows its author, once it is read, how far the log was read. A message may be stored twice,
    where its PubAck was lost.
    """

    owner: Owner
    turn: Annotated[int, Meta(ge=1)]
    lines: tuple[Line, ...]
    v: Literal[1] = 1


class AssignmentReleased(Struct, frozen=True, tag_field="type", tag="AssignmentReleased", rename="camel", gc=False):
    """An operator takes a payment from its processor; the next line of it is for ``to_processor``."""

    id: Id
    seq: Sequence
    after: LogSequence
    to_processor: str
    reason: str
    released_at: Instant
    v: Literal[1] = 1


class GenerationClosed(Struct, frozen=True, tag_field="type", tag="GenerationClosed", rename="camel", gc=False):
    """From here on this generation of a processor takes no payment that it does not have already."""

    generation: Generation
    v: Literal[1] = 1


Assignment = TurnAssigned | AssignmentReleased | GenerationClosed
ASSIGNMENT_MESSAGES = (TurnAssigned, AssignmentReleased, GenerationClosed)

_encoder = json.Encoder()
_decoder: json.Decoder[Assignment] = json.Decoder(Assignment)


def encode_assignment(message: Assignment) -> bytes:
    """Return the message as UTF-8 JSON."""
    return _encoder.encode(message)


def decode_assignment(data: bytes) -> Assignment:
    """Read a message of ASSIGNMENTS.

    Raises:
        NotAnEventError: it is none of a version known here.
    """
    return decoded(_decoder, data)


def processor_of(generation: str) -> str:
    """Return the name of the processor of which it is a generation."""
    return generation.partition("/")[0]


def instance_of(owner: str) -> str:
    """Return the name of the instance whose process that is."""
    return owner.partition("/")[0]
