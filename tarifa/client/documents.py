"""The documents that the service sends: typed, money as Decimal. Pure."""

from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct, field

T = TypeVar("T")


class NotADocumentError(ValueError):
    """The body is not the document that was asked for; the text says where it differs."""


class AttemptDocument(Struct, frozen=True, rename="camel"):
    """One call of a processor; ``took_ms`` None: it is under way."""

    requested_at: datetime
    processor: str
    took_ms: float | None = None
    outcome: str | None = None
    detail: str = ""


class WaitingForDocument(Struct, frozen=True, rename="camel"):
    """What an accepted payment waits for; ``processor`` None: any that serves."""

    processor: str | None = None
    since: datetime | None = None
    attempts: int = 0
    in_doubt: bool = False
    dispatcher: str | None = None
    released: bool = False
    last_attempt: AttemptDocument | None = None


class PaymentDocument(Struct, frozen=True, rename="camel"):
    """The state of a payment; None is what the service does not say."""

    correlation_id: str
    amount: Decimal
    status: Literal["accepted", "settled", "refused"]
    processor: str | None = None
    requested_at: datetime | None = None
    accepted_at: datetime | None = None
    detail: str | None = None
    waiting_for: WaitingForDocument | None = None
    booked_at: datetime | None = None
    counted: bool | None = None


class StepDocument(Struct, frozen=True, rename="camel"):
    """One event in a payment's life; None is what does not apply, or is not known."""

    what: str
    at: datetime | None = None
    processor: str | None = None
    dispatcher: str | None = None
    took_ms: float | None = None
    outcome: str | None = None
    detail: str | None = None
    from_: str | None = field(name="from", default=None)
    to: str | None = None
    reason: str | None = None
    amount: Decimal | None = None
    requested_at: datetime | None = None


class LifeDocument(PaymentDocument, frozen=True, rename="camel"):
    """A payment with what happened to it, and what nobody recorded."""

    steps: tuple[StepDocument, ...] = ()
    not_known: tuple[str, ...] = ()


class DispatchersDocument(Struct, frozen=True):
    """The dispatchers that answered, and those that did not."""

    answered: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


class PageDocument(Struct, frozen=True):
    """Part of a list of payments; each is the service's own document. ``next`` None: the last part."""

    payments: tuple[msgspec.Raw, ...]
    next: str | None = None
    dispatchers: DispatchersDocument | None = None


class TotalsDocument(Struct, frozen=True, rename="camel"):
    """Settlements at one processor within a period."""

    total_requests: int
    total_amount: Decimal


class ProblemDocument(Struct, frozen=True):
    """Why a request was rejected."""

    error: str
    detail: str


class PaymentsDocument(Struct, frozen=True, rename="camel"):
    """Payments on their way; rates over the window. ``accepted`` counts all there ever were."""

    accepted_per_s: float | None = None
    settled_per_s: float | None = None
    accepted: float | None = None
    backlog: float | None = None
    oldest_wait_s: float | None = None


class PostsDocument(Struct, frozen=True, rename="camel"):
    """How fast POST /payments was answered within the window."""

    per_s: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None


class PauseDocument(Struct, frozen=True, rename="camel"):
    """Who paused a processor, and why."""

    by: str
    reason: str


class ProcessorDocument(Struct, frozen=True, rename="camel"):
    """One processor as the dispatcher sees it; ``share`` is its part of all settlements, 0 to 1."""

    name: str
    fee: Decimal | None = None
    condition: str | None = None
    latency_ms: float | None = None
    in_flight: float | None = None
    settled: float | None = None
    amount: Decimal | None = None
    share: float | None = None
    fees_paid: Decimal | None = None
    settled_per_s: float | None = None
    paused: PauseDocument | None = None


class SumsDocument(Struct, frozen=True, rename="camel"):
    """All processors together; ``saved``: how much more the most expensive one alone would have cost."""

    settled: float | None = None
    amount: Decimal | None = None
    fees_paid: Decimal | None = None
    saved: Decimal | None = None


class InstanceDocument(Struct, frozen=True, rename="camel"):
    """One instance of a service; ``seen_s``: how long ago its last pulse came."""

    service: str
    instance: str
    state: str | None = None
    seen_s: float | None = None
    started_at: datetime | None = None


class VitalsDocument(Struct, frozen=True, rename="camel"):
    """The system at one moment; ``window_s`` is the window of rates and quantiles."""

    at: datetime
    window_s: float | None = field(name="window_s", default=None)
    payments: PaymentsDocument = PaymentsDocument()
    post: PostsDocument = PostsDocument()
    processors: tuple[ProcessorDocument, ...] = ()
    totals: SumsDocument = SumsDocument()
    services: tuple[InstanceDocument, ...] = ()
    troubles: tuple[str, ...] = ()


_payment = msgspec.json.Decoder(PaymentDocument)
_life = msgspec.json.Decoder(LifeDocument)
_page = msgspec.json.Decoder(PageDocument)
_summary = msgspec.json.Decoder(dict[str, TotalsDocument])
_problem = msgspec.json.Decoder(ProblemDocument)
_vitals = msgspec.json.Decoder(VitalsDocument)
_anything = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def payment_from(body: bytes) -> PaymentDocument:
    """Read the answer of GET /payments/{id}; raises `NotADocumentError`."""
    return _read(_payment, body)


def life_from(body: bytes) -> LifeDocument:
    """Read the answer of GET /payments/{id}/life; raises `NotADocumentError`."""
    return _read(_life, body)


def page_from(body: bytes) -> PageDocument:
    """Read the answer of GET /payments; raises `NotADocumentError`."""
    return _read(_page, body)


def summary_from(body: bytes) -> dict[str, TotalsDocument]:
    """Read the answer of GET /payments-summary; raises `NotADocumentError`."""
    return _read(_summary, body)


def problem_from(body: bytes) -> ProblemDocument:
    """Read the body of a rejection; raises `NotADocumentError`."""
    return _read(_problem, body)


def vitals_from(text: str) -> VitalsDocument:
    """Read the data of a ``vitals`` event; raises `NotADocumentError`."""
    return _read(_vitals, text.encode())


def one_line(text: str) -> str:
    """Return a JSON document on one line, each number with its exact digits; raises `NotADocumentError`."""
    return json_text(_read(_anything, text.encode()))


def json_text(document: object) -> str:
    """Return JSON on one line; a Decimal is a JSON number with exactly its digits."""
    return _encoder.encode(document).decode()


def _read(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotADocumentError(str(error)) from None
