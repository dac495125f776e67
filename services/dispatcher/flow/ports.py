"""What the flow needs of the world. Adapters keep these; tests have fakes of them."""

from datetime import datetime
from typing import Protocol

from services.contracts.events import PaymentRefused, PaymentSettled
from services.dispatcher.core.binding import BoundTo
from services.dispatcher.core.outcome import Lookup, Outcome


class Delivery(Protocol):
    """One message of PAYMENTS."""

    @property
    def seq(self) -> int: ...  # noqa: D102
    @property
    def num_delivered(self) -> int: ...  # noqa: D102
    @property
    def pending(self) -> int: ...  # noqa: D102
    @property
    def data(self) -> bytes: ...  # noqa: D102
    @property
    def handle(self) -> str: ...  # noqa: D102


class Queue(Protocol):
    """The deliveries of PAYMENTS. None of these raises: what does not arrive is made good after a reconnect."""

    async def ack(self, handle: str) -> None:
        """Have the payment leave the queue."""

    async def nak(self, handle: str, delay_s: float) -> None:
        """Give it back, to come again after a while."""


class Records(Protocol):
    """What dispatchers write and look up. Each may raise BusAwayError: let the delivery go, it will come again."""

    async def find_settlement(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """Return what SETTLEMENTS has of the payment, the newest of it; None if it has nothing."""

    async def find_binding(self, payment_id: str) -> BoundTo | None:
        """Return the payment's entry in the bindings bucket."""

    async def bind(self, payment_id: str, processor: str, revision: int) -> int | None:
        """Write the entry if it still has that revision (0: if there is none); return the new one, None if not."""

    async def store(self, event: PaymentSettled | PaymentRefused) -> bool:
        """Store a settlement; return whether it is stored now. False: repeat, a second identical one is harmless."""

    def has_binding(self, payment_id: str) -> bool:
        """Return whether an entry was seen in the bindings bucket, without asking."""


class Processor(Protocol):
    """One processor. Neither raises for anything that a processor does."""

    async def charge(self, payment_id: str, amount_cents: int, requested_at: datetime) -> Outcome:
        """Make one attempt."""

    async def look_up(self, payment_id: str) -> Lookup:
        """Ask whether it is booked there."""


class Clock(Protocol):
    """Time for calls (ms, never goes back), for stamps (UTC, whole ms), and chance."""

    def now_ms(self) -> float:
        """Return milliseconds of a clock that never goes back."""

    def stamp(self) -> datetime:
        """Return the UTC time in whole milliseconds."""

    def jitter(self) -> float:
        """Return a random number from 0 to 1."""

    async def sleep_ms(self, ms: float) -> None:
        """Wait."""
