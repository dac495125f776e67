"""The past: a sample of the vitals every ten seconds, and the ledger's answer about the past in equal steps of time.

The samples hold what cannot be computed afterwards. What was settled and saved is not sampled: the book has it.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, json

from services.contracts.events import Instant, decoded

SAMPLE_EVERY_S = 10  # the window of rates and times: no two samples cover the same second
KEPT_S = 25 * 3600  # an hour more than is shown
STEPS_MAX = 300  # of one answer, which stays below 32 KB whatever its values
STEP_S_MAX = 3_600

Count = Annotated[int, Meta(ge=0)]


class VitalsSampled(Struct, frozen=True, tag_field="type", tag="VitalsSampled", rename="camel", gc=False):
    """How the system was in the SAMPLE_EVERY_S seconds before ``at``; null: not known.

    ``accepted_per_s``, ``p50_ms`` and ``p99_ms`` of POST /payments, ``backlog`` and the number of ``troubles`` are what
    the operator's page showed at that moment.
    """

    at: Instant
    accepted_per_s: float | None
    p50_ms: float | None
    p99_ms: float | None
    backlog: Count | None
    troubles: Count
    v: Literal[1] = 1


class HistoryAsked(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The newest ``steps`` complete steps of ``step_s`` seconds, and the part of the next one that has passed."""

    step_s: Annotated[int, Meta(ge=SAMPLE_EVERY_S, le=STEP_S_MAX, multiple_of=SAMPLE_EVERY_S)]
    steps: Annotated[int, Meta(ge=1, le=STEPS_MAX)]


class HistoryStep(Struct, frozen=True, array_like=True, gc=False):
    """One step, which ends at ``until``; null: not known.

    From the book, by ``requested_at``: ``settled_per_s`` in the step, ``saved_cents`` up to its end. From the samples:
    the mean of ``accepted_per_s``, and the largest ``p50_ms``, ``p99_ms``, ``backlog`` and number of ``troubles``.
    """

    until: Instant
    accepted_per_s: float | None
    settled_per_s: float | None
    p50_ms: float | None
    p99_ms: float | None
    backlog: int | None
    saved_cents: int | None
    troubles: int | None


class HistoryAnswered(Struct, frozen=True, rename="camel"):
    """The steps from ``since`` on, oldest first; each begins where the one before ends.

    They begin at multiples of ``step_s`` since 1970. The last one is shorter if it is not over.
    """

    since: Instant
    step_s: int
    steps: tuple[HistoryStep, ...]
    v: int = 1


_encoder = json.Encoder()
_asked = json.Decoder(HistoryAsked)
_answered = json.Decoder(HistoryAnswered)
_sampled = json.Decoder(VitalsSampled)


def encode(message: VitalsSampled | HistoryAsked | HistoryAnswered) -> bytes:
    """Return the message as UTF-8 JSON."""
    return _encoder.encode(message)


def decode_asked(data: bytes) -> HistoryAsked:
    """Read a request.

    Raises:
        NotAnEventError: it is not a HistoryAsked.
    """
    return decoded(_asked, data)


def decode_answered(data: bytes) -> HistoryAnswered:
    """Read an answer.

    Raises:
        NotAnEventError: it is not a HistoryAnswered.
    """
    return decoded(_answered, data)


def decode_sampled(data: bytes) -> VitalsSampled:
    """Read a sample.

    Raises:
        NotAnEventError: it is not a VitalsSampled.
    """
    return decoded(_sampled, data)
