"""Whether a payment may be sent: what the log and SETTLEMENTS say about its line."""

from dataclasses import dataclass

from services.contracts.events import PaymentRefused, PaymentSettled


@dataclass(frozen=True, slots=True)
class Owned:
    """Its line, at that sequence, is the last valid one; SETTLEMENTS, asked after it was read, has no settlement."""

    line: int


@dataclass(frozen=True, slots=True)
class AlreadySettled:
    """It is settled or refused already."""

    event: PaymentSettled | PaymentRefused


@dataclass(frozen=True, slots=True)
class NotOwned:
    """Its line is void: another was first, or it was released, or that generation is closed. Give it back."""


SendPermission = Owned | AlreadySettled | NotOwned
