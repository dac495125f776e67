"""What the flow needs from outside. Adapters implement these; tests have fakes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.contracts.assignments import AssignmentReleased, TurnAssigned
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentReleased, PaymentSettled
from services.contracts.operating import ListedProcessor
from services.contracts.processor_entry import ProcessorGeneration
from services.dispatcher.core.doubt import Doubt
from services.dispatcher.core.in_hand import Head
from services.dispatcher.core.outcome import Lookup, Outcome


class Delivery(Protocol):
    """One message of PAYMENTS. How often it was delivered decides nothing, so that is not here."""

    @property
    def seq(self) -> int: ...  # noqa: D102
    @property
    def stored_ns(self) -> int: ...  # noqa: D102
    @property
    def pending(self) -> int: ...  # noqa: D102
    @property
    def data(self) -> bytes: ...  # noqa: D102
    @property
    def handle(self) -> str: ...  # noqa: D102
    @property
    def traceparent(self) -> str | None: ...  # noqa: D102


class Queue(Protocol):
    """The deliveries of PAYMENTS. None of these raises: what does not arrive is repeated after a reconnect."""

    async def ack(self, handle: str) -> None:
        """Remove the payment from the queue."""

    async def nak(self, handle: str, delay_s: float) -> None:
        """Give it back, to be redelivered after ``delay_s``."""


class Source(Protocol):
    """PAYMENTS, from where payments are fetched."""

    @property
    def outstanding(self) -> int:
        """How many payments were asked for and have not come."""

    def pull(self, count: int) -> None:
        """Ask for so many: those that wait, or the next one to come; does nothing while NATS is away."""

    async def head(self, now_ms: float, now_micros: int) -> Head:
        """Read what waits; both times are now, by the calls' clock and in UTC. May raise StoreUnavailableError."""

    async def in_progress(self, handle: str) -> None:
        """Have the server wait another ack_wait before it redelivers this one."""


class SettlementRecords(Protocol):
    """SETTLEMENTS, by payment."""

    async def find(self, payment_ids: Sequence[str]) -> Mapping[str, PaymentSettled | PaymentRefused]:
        """Return the settlements of those that are settled now, by id. May raise StoreUnavailableError."""

    async def store(self, event: PaymentSettled | PaymentRefused) -> bool:
        """Store a settlement; return whether it is stored now. False: repeat, a second identical one does no harm."""


class Assignments(Protocol):
    """The stream ASSIGNMENTS, for writing; its messages are passed to `Assigning.read`."""

    def send(self, message: TurnAssigned) -> bool:
        """Send a message, with no confirmation that it was stored; return False if it cannot even be sent now."""

    async def publish(self, message: TurnAssigned) -> bool:
        """Store a message; return whether it is known to be stored. False: it may be stored, now or later."""

    def purge_before(self, at: int) -> None:
        """Delete what this dispatcher assigned before a sequence, where an earlier deletion was lost. Never raises."""

    async def delete(self, at: int) -> None:
        """Delete a message whose payments are all settled. Never raises: one that stays costs space, not money."""


class ChargingProcessor(Protocol):
    """One processor. Nothing that a processor does makes these raise."""

    @property
    def registered(self) -> ProcessorGeneration:
        """Its generation as it is registered now: name, fee, URL, state."""

    async def charge(
        self, payment_id: str, amount_cents: int, requested_at: datetime, traceparent: str | None = None
    ) -> Outcome:
        """Make one attempt; ``traceparent`` is sent with it."""

    async def look_up(self, payment_id: str) -> Lookup:
        """Ask whether it is booked there."""


class StoreWatch(Protocol):
    """Whether the store went back in time."""

    @property
    def doubt(self) -> Doubt:
        """Which payments in it are doubtful."""

    def absence_counts_in_ms(self) -> float:
        """Return the milliseconds until a processor's "not there" counts; 0: it counts now."""


class Clock(Protocol):
    """Time for calls (ms, monotonic), for stamps (UTC, whole ms), and random numbers."""

    def now_ms(self) -> float:
        """Return milliseconds of a monotonic clock."""

    def stamp(self) -> datetime:
        """Return the UTC time in whole milliseconds."""

    def jitter(self) -> float:
        """Return a random number from 0 to 1."""

    def span_id(self) -> str:
        """Return a new random id of a span, 16 hexadecimal digits."""

    async def sleep_ms(self, ms: float) -> None:
        """Wait that many milliseconds."""


class ReleaseRecords(Protocol):
    """The streams and the other dispatchers. Each may raise StoreUnavailableError or BusUnavailableError: not known."""

    async def accepted(self, payment_id: str) -> tuple[PaymentAccepted, int] | None:
        """Return the payment as it waits in PAYMENTS, and its sequence."""

    async def settlement(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """Return its settlement."""

    async def releases(self, payment_id: str) -> tuple[PaymentReleased, ...]:
        """Return its recorded releases, oldest first."""

    async def is_in_doubt(self, payment_id: str, owner: str) -> bool | None:
        """Return False only if that process has it in hand and knows the outcome of each attempt; None: not known."""

    async def processors(self) -> tuple[ListedProcessor, ...]:
        """Return the processors that charge."""

    async def record_event(self, event: PaymentReleased) -> None:
        """Store the event; a second one does no harm. Raises NotStoredError: nothing is released."""

    async def write_line(self, line: AssignmentReleased) -> int:
        """Store the line, and return its sequence. Raises NotStoredError: it is certainly not stored."""
