"""Whether a payment may be sent: what the log and SETTLEMENTS say of its line."""

from dataclasses import dataclass

from services.contracts.events import PaymentRefused, PaymentSettled


@dataclass(frozen=True, slots=True)
class Mine:
    """Its line, or the one that it had, is the last valid one; SETTLEMENTS, asked after that, has nothing."""

    line: int


@dataclass(frozen=True, slots=True)
class Settled:
    """It is settled or refused already."""

    event: PaymentSettled | PaymentRefused


@dataclass(frozen=True, slots=True)
class NotMine:
    """Its line is void: somebody else was first, or it was released, or that generation is closed. Let go of it."""


Answer = Mine | Settled | NotMine
