"""All results of a call to the service, as closed unions, so that no case is forgotten. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from tarifa.client.documents import LifeDocument, PageDocument, PaymentDocument, TotalsDocument


@dataclass(frozen=True, slots=True)
class AcceptedAnswer:
    """The payment is stored; ``is_replay``: it was stored before, and is still charged only once."""

    took_ms: float
    is_replay: bool


@dataclass(frozen=True, slots=True)
class FoundAnswer:
    """A payment; ``text`` is the service's own document."""

    payment: PaymentDocument
    text: str


@dataclass(frozen=True, slots=True)
class LifeAnswer:
    """A payment's life; ``text`` is the service's own document."""

    life: LifeDocument
    text: str


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """Part of a list of payments."""

    page: PageDocument


@dataclass(frozen=True, slots=True)
class MissingAnswer:
    """The service knows no such payment."""


@dataclass(frozen=True, slots=True)
class SummaryAnswer:
    """Totals by processor, in the service's order."""

    totals: Mapping[str, TotalsDocument]


@dataclass(frozen=True, slots=True)
class RejectedAnswer:
    """The same request would always be rejected."""

    slug: str
    detail: str


@dataclass(frozen=True, slots=True)
class TryLaterAnswer:
    """The service is there and cannot answer, or do it, now."""

    slug: str
    detail: str


@dataclass(frozen=True, slots=True)
class UnreachableAnswer:
    """Nothing is there, or something that does not answer as the service does; the sentence says what to do."""

    sentence: str


@dataclass(frozen=True, slots=True)
class NoEventsAnswer:
    """The service is there and has no /events."""


Negative = RejectedAnswer | TryLaterAnswer | UnreachableAnswer
