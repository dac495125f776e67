"""What each instance of a service says of itself once a second, on ``pulse.<service>.<instance>``.

Nobody needs to listen, and one that is lost is no harm: what is counted only grows from ``started_at`` on, so the next
one says it too. Who wants the last seconds takes the difference of two.
"""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct, json

from services.contracts.durations import BOUNDS_MS
from services.contracts.events import Instant
from services.contracts.processor_entry import Pause
from services.contracts.summary import Totals

INSTANCE_PATTERN = r"[A-Za-z0-9_-]{1,64}"

_BUCKETS = len(BOUNDS_MS) + 1

Instance = Annotated[str, Meta(pattern=rf"^{INSTANCE_PATTERN}$(?!\n)", description="one token of a subject")]
Count = Annotated[int, Meta(ge=0)]
Took = Annotated[
    tuple[Count, ...],
    Meta(min_length=_BUCKETS, max_length=_BUCKETS, description="one number per bound of contracts.durations, and one"),
]
ConditionState = Literal["serving", "failing"]


class IngressPulse(Struct, frozen=True, tag_field="service", tag="ingress", rename="camel", gc=False):
    """``answers`` to POST /payments by result since the start, and the buckets of what they ``took``.

    ``trouble``: what is wrong with this instance, in words; empty where nothing is.
    """

    instance: Instance
    started_at: Instant
    answers: dict[str, Count]
    took: Took
    trouble: str = ""
    v: Literal[1] = 1


class ProcessorSeen(Struct, frozen=True, rename="camel", gc=False):
    """What one dispatcher believes of a processor; ``latency_ms`` is null while nothing is known.

    ``paused``: by an operator, which is another thing than ``condition``: it gets nothing new, however well it serves.
    """

    condition: ConditionState
    latency_ms: float | None
    in_flight: Count
    bound_waiting: Count
    paused: Pause | None = None


class DispatcherPulse(Struct, frozen=True, tag_field="service", tag="dispatcher", rename="camel", gc=False):
    """``backlog`` waits in the stream, ``in_hand`` in this process; ``counts`` of what became of payments.

    ``owner`` is what its lines in ASSIGNMENTS name this process. ``left_behind``: how many payments the log assigns to
    generations of processors that charge no more, by generation; every dispatcher says the same.
    """

    instance: Instance
    started_at: Instant
    backlog: Count
    in_hand: Count
    oldest_wait_s: float
    processors: dict[str, ProcessorSeen]
    counts: dict[str, Count]
    owner: str = ""
    left_behind: dict[str, Count] = {}
    v: Literal[1] = 1


class LedgerPulse(Struct, frozen=True, tag_field="service", tag="ledger", rename="camel", gc=False):
    """``totals`` of all that is in the book by processor, null while the book is not whole.

    ``damage``: what is wrong with SETTLEMENTS, in words; empty where nothing is.
    """

    instance: Instance
    started_at: Instant
    conflicts: Count
    unreadable: Count
    totals: dict[str, Totals] | None
    damage: str = ""
    v: Literal[1] = 1


Pulse = IngressPulse | DispatcherPulse | LedgerPulse
PULSES = (IngressPulse, DispatcherPulse, LedgerPulse)


class NotAPulseError(ValueError):
    """A message is not a pulse of a kind and version known here."""


_encoder = json.Encoder()
_decoder: json.Decoder[Pulse] = json.Decoder(Pulse)
_INSTANCE = re.compile(INSTANCE_PATTERN)


def encode(pulse: Pulse) -> bytes:
    """Return the pulse as UTF-8 JSON."""
    return _encoder.encode(pulse)


def decode(data: bytes) -> Pulse:
    """Read a message of ``pulse.>``.

    Raises:
        NotAPulseError: it is none.
    """
    try:
        return _decoder.decode(data)
    except (ValueError, RecursionError) as error:
        raise NotAPulseError(str(error)) from error


def service_of(pulse: Pulse) -> str:
    """Return the name of the service that it is of."""
    return str(pulse.__struct_config__.tag)


def settled_at(processor: str) -> str:
    """Return under which name a dispatcher counts what it settled at a processor."""
    return f"settled.{processor}"


def instance_from_text(text: str) -> str:
    """Read the name of an instance.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    if _INSTANCE.fullmatch(text) is None:
        raise ValueError(f"must be 1 to 64 of A-Z, a-z, 0-9, _ and -, not {text!r}")
    return text
