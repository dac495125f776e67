"""What SETTLEMENTS holds of one payment."""

from collections.abc import Sequence
from datetime import datetime

from services.bus.wire.connection import Bus
from services.contracts.events import Settlement
from services.records.history import history_of


class PaymentHistory:
    """Implements the port of that name."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def of(self, payment_id: str) -> Sequence[tuple[Settlement, datetime]]:
        """Return what it holds of a payment, each with when it was stored."""
        return await history_of(self._bus, payment_id)
