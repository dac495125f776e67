"""Whether a payment may be sent: what the log and SETTLEMENTS say about its line."""

from dataclasses import dataclass

from services.contracts.events import PaymentRefused, PaymentSettled


@dataclass(frozen=True, slots=True)
class Mine:
    """Its line, at that sequence, is the last valid one; SETTLEMENTS, asked after it was read, has no settlement."""

    line: int


@dataclass(frozen=True, slots=True)
class Settled:
    """It is settled or refused already."""

    event: PaymentSettled | PaymentRefused


@dataclass(frozen=True, slots=True)
class NotMine:
    """Its line is void: another was first, or it was released, or that generation is closed. Give it back."""


Answer = Mine | Settled | NotMine
