"""The documents that the service sends: typed, money as Decimal. Pure."""

from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct, field

T = TypeVar("T")


class NotADocumentError(ValueError):
    """The body is not the document that was asked for; the text says where it differs."""


class Attempt(Struct, frozen=True, rename="camel"):
    """One call of a processor; ``took_ms`` None: it is under way."""

    requested_at: datetime
    processor: str
    took_ms: float | None = None
    outcome: str | None = None
    detail: str = ""


class WaitingFor(Struct, frozen=True, rename="camel"):
    """What an accepted payment waits for; ``processor`` None: any that serves."""

    processor: str | None = None
    since: datetime | None = None
    attempts: int = 0
    in_doubt: bool = False
    dispatcher: str | None = None
    released: bool = False
    last_attempt: Attempt | None = None


class Payment(Struct, frozen=True, rename="camel"):
    """The state of a payment; None is what the service does not say."""

    correlation_id: str
    amount: Decimal
    status: Literal["accepted", "settled", "refused"]
    processor: str | None = None
    requested_at: datetime | None = None
    accepted_at: datetime | None = None
    detail: str | None = None
    waiting_for: WaitingFor | None = None
    booked_at: datetime | None = None
    counted: bool | None = None


class Step(Struct, frozen=True, rename="camel"):
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


class Life(Payment, frozen=True, rename="camel"):
    """A payment with what happened to it, and what nobody recorded."""

    steps: tuple[Step, ...] = ()
    not_known: tuple[str, ...] = ()


class Dispatchers(Struct, frozen=True):
    """The dispatchers that answered, and those that did not."""

    answered: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


class Page(Struct, frozen=True):
    """Part of a list of payments; each is the service's own document. ``next`` None: the last part."""

    payments: tuple[msgspec.Raw, ...]
    next: str | None = None
    dispatchers: Dispatchers | None = None


class Totals(Struct, frozen=True, rename="camel"):
    """Settlements at one processor within a period."""

    total_requests: int
    total_amount: Decimal


class Problem(Struct, frozen=True):
    """Why a request was rejected."""

    error: str
    detail: str


class Payments(Struct, frozen=True, rename="camel"):
    """Payments on their way; rates over the window. ``accepted`` counts all there ever were."""

    accepted_per_s: float | None = None
    settled_per_s: float | None = None
    accepted: float | None = None
    backlog: float | None = None
    oldest_wait_s: float | None = None


class Posts(Struct, frozen=True, rename="camel"):
    """How fast POST /payments was answered within the window."""

    per_s: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None


class Pause(Struct, frozen=True, rename="camel"):
    """Who paused a processor, and why."""

    by: str
    reason: str


class Processor(Struct, frozen=True, rename="camel"):
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
    paused: Pause | None = None


class Sums(Struct, frozen=True, rename="camel"):
    """All processors together; ``saved``: how much more the dearest one alone would have cost."""

    settled: float | None = None
    amount: Decimal | None = None
    fees_paid: Decimal | None = None
    saved: Decimal | None = None


class Instance(Struct, frozen=True, rename="camel"):
    """One instance of a service; ``seen_s``: how long ago its last pulse came."""

    service: str
    instance: str
    state: str | None = None
    seen_s: float | None = None
    started_at: datetime | None = None


class Vitals(Struct, frozen=True, rename="camel"):
    """The system at one moment; ``window_s`` is the window of rates and quantiles."""

    at: datetime
    window_s: float | None = field(name="window_s", default=None)
    payments: Payments = Payments()
    post: Posts = Posts()
    processors: tuple[Processor, ...] = ()
    totals: Sums = Sums()
    services: tuple[Instance, ...] = ()
    troubles: tuple[str, ...] = ()


_payment = msgspec.json.Decoder(Payment)
_life = msgspec.json.Decoder(Life)
_page = msgspec.json.Decoder(Page)
_summary = msgspec.json.Decoder(dict[str, Totals])
_problem = msgspec.json.Decoder(Problem)
_vitals = msgspec.json.Decoder(Vitals)
_anything = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def payment_from(body: bytes) -> Payment:
    """Read the answer of GET /payments/{id}; raises `NotADocumentError`."""
    return _read(_payment, body)


def life_from(body: bytes) -> Life:
    """Read the answer of GET /payments/{id}/life; raises `NotADocumentError`."""
    return _read(_life, body)


def page_from(body: bytes) -> Page:
    """Read the answer of GET /payments; raises `NotADocumentError`."""
    return _read(_page, body)


def summary_from(body: bytes) -> dict[str, Totals]:
    """Read the answer of GET /payments-summary; raises `NotADocumentError`."""
    return _read(_summary, body)


def problem_from(body: bytes) -> Problem:
    """Read the body of a rejection; raises `NotADocumentError`."""
    return _read(_problem, body)


def vitals_from(text: str) -> Vitals:
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
