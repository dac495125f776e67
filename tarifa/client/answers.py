"""All results of a call to the service, as closed unions, so that no case is forgotten. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from tarifa.client.documents import Life, Page, Payment, Totals


@dataclass(frozen=True, slots=True)
class Accepted:
    """The payment is stored; ``is_replay``: it was stored before, and is still charged only once."""

    took_ms: float
    is_replay: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A payment; ``text`` is the service's own document."""

    payment: Payment
    text: str


@dataclass(frozen=True, slots=True)
class Lived:
    """A payment's life; ``text`` is the service's own document."""

    life: Life
    text: str


@dataclass(frozen=True, slots=True)
class Listed:
    """Part of a list of payments."""

    page: Page


@dataclass(frozen=True, slots=True)
class Missing:
    """The service knows no such payment."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals by processor, in the service's order."""

    totals: Mapping[str, Totals]


@dataclass(frozen=True, slots=True)
class Rejected:
    """The same request would always be rejected."""

    slug: str
    detail: str


@dataclass(frozen=True, slots=True)
class TryLater:
    """The service is there and cannot answer, or do it, now."""

    slug: str
    detail: str


@dataclass(frozen=True, slots=True)
class Away:
    """Nothing is there, or something that does not answer as the service does; the sentence says what to do."""

    sentence: str


@dataclass(frozen=True, slots=True)
class NoEvents:
    """The service is there and has no /events."""


Negative = Rejected | TryLater | Away
