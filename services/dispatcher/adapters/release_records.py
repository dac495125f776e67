"""One payment in PAYMENTS and SETTLEMENTS, and at the dispatcher that has it in hand; the two writes of a release."""

from services.bus.jetstream.publish import StoredAt, store
from services.bus.wire.connection import Bus, BusAwayError
from services.contracts import holding, subjects
from services.contracts.assignments import AssignmentReleased, encode_assignment
from services.contracts.events import PaymentAccepted, PaymentRefused, PaymentReleased, PaymentSettled, encode
from services.contracts.holding import Holding, HoldingAsked
from services.contracts.operating import ListedProcessor, listed
from services.contracts.roster import places
from services.dispatcher.core.unsettled_payments import UnsettledPayments
from services.records.history import releases_of
from services.records.payments import PaymentRecords
from services.records.processors import ProcessorBucket, entries_of
from services.records.settlements import SettlementRecords

ASK_WITHIN_S = 1.0  # the one that has it in hand answers at once, this process by the log a tenth of a second later


class ReleaseRecords:
    """Implements the port ``Records`` of Releasing; each method may raise AwayError or BusAwayError."""

    def __init__(self, bus: Bus, unsettled: UnsettledPayments) -> None:
        self._bus = bus
        self._unsettled = unsettled
        self._payments = PaymentRecords(bus)
        self._settlements = SettlementRecords(bus)
        self._bucket = ProcessorBucket(bus)

    async def accepted(self, payment_id: str) -> tuple[PaymentAccepted, int] | None:
        """Return the payment as it waits in PAYMENTS, and its sequence."""
        found = await self._payments.find(payment_id)
        return None if found is None else (found.event, found.seq)

    async def settlement(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """Return its settlement; of two a booking."""
        return (await self._settlements.find([payment_id])).get(payment_id)

    async def releases(self, payment_id: str) -> tuple[PaymentReleased, ...]:
        """Return its recorded releases, oldest first: the first RELEASES_MAX of them, and the newest."""
        return await releases_of(self._bus, payment_id)

    async def is_in_doubt(self, payment_id: str, line: int) -> bool:
        """Return False only if a dispatcher has it in hand by that line and knows the outcome of each attempt."""
        known = self._unsettled.one(payment_id)
        if known is None or not known.in_hand:
            known = await self._asked(payment_id)
        return known is None or not known.in_hand or known.line != line or known.in_doubt

    async def processors(self) -> tuple[ListedProcessor, ...]:
        """Return the processors that charge, as in the bucket now."""
        return tuple(map(listed, places(entries_of(await self._bucket.read()))))

    async def record_event(self, event: PaymentReleased) -> None:
        """Store the event."""
        result = await store(self._bus, subjects.SETTLEMENTS, subjects.released(event.id), encode(event))
        if not isinstance(result, StoredAt):
            raise BusAwayError(f"the release could not be recorded, and nothing was released: {result}")

    async def write_line(self, line: AssignmentReleased) -> int:
        """Store the line, and return its sequence."""
        result = await store(self._bus, subjects.ASSIGNMENTS, subjects.RELEASED, encode_assignment(line))
        if not isinstance(result, StoredAt):
            raise BusAwayError(f"not known whether its line is stored: {result}")
        return result.seq

    async def _asked(self, payment_id: str) -> Holding | None:
        try:
            request = holding.encode(HoldingAsked(payment_id))
            answer = await self._bus.request(subjects.DISPATCHER_PAYMENT, request, ASK_WITHIN_S)
            return holding.decode_holding(answer.data)
        except BusAwayError:
            if not self._bus.is_connected:
                raise
            return None  # all dispatchers get the request and answer if they know of it
