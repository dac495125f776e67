"""One payment in PAYMENTS, SETTLEMENTS and (as dispatchers read it) ASSIGNMENTS; the two writes of a release."""

import asyncio

from services.audit.core.releasing import Bound, Waiting
from services.bus.jetstream.publish import Stored, store
from services.bus.wire.connection import Bus, BusAwayError, NoRespondersError
from services.contracts import holding, subjects
from services.contracts.assignments import AssignmentReleased, encode_assignment
from services.contracts.events import PaymentRefused, PaymentReleased, PaymentSettled, encode
from services.contracts.holding import HoldingAsked
from services.records.payments import PaymentRecords
from services.records.settlements import SettlementRecords

ASK_WITHIN_S = 1.0  # a dispatcher that has it in hand answers at once, another one after a tenth of a second
READ_WITHIN_S = 10.0
LOOK_EVERY_S = 0.1
UNASSIGNED = Bound("", 0, in_doubt=False)


class ReleaseRecords:
    """Implements the port ``Records`` of Releasing."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._payments = PaymentRecords(bus)
        self._settlements = SettlementRecords(bus)

    async def accepted(self, payment_id: str) -> Waiting | None:
        """Return it if it waits in PAYMENTS."""
        found = await self._payments.find(payment_id)
        return None if found is None else Waiting(found.event, found.seq)

    async def settlement(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """Return its newest settlement."""
        return await self._settlements.newest(payment_id)

    async def bound(self, payment_id: str) -> Bound:
        """Return the assignment that the dispatchers read for it.

        Raises:
            BusAwayError: no dispatcher runs, or NATS is away.
        """
        asked = holding.encode(HoldingAsked(payment_id))
        try:
            answer = await self._bus.request(subjects.DISPATCHER_PAYMENT, asked, ASK_WITHIN_S)
        except NoRespondersError:
            raise BusAwayError("no dispatcher runs to say what the payment is assigned to; start one") from None
        except BusAwayError:
            if not self._bus.is_connected:
                raise
            return UNASSIGNED  # dispatchers run and get every question, and answer about what they know
        known = holding.decode_holding(answer.data)
        return Bound(known.processor if known.owner else "", known.line, in_doubt=known.in_doubt)

    async def record(self, event: PaymentReleased) -> None:
        """Store the event."""
        result = await store(self._bus, subjects.SETTLEMENTS, subjects.released(event.id), encode(event))
        if not isinstance(result, Stored):
            raise BusAwayError(f"the release could not be recorded, and nothing was released: {result}")

    async def release(self, event: PaymentReleased, seq: int, line: int) -> bool:
        """Store the line, and return whether a dispatcher that has read it counts it as valid."""
        message = AssignmentReleased(event.id, seq, line, event.to_processor, event.reason, event.released_at)
        result = await store(self._bus, subjects.ASSIGNMENTS, subjects.RELEASED, encode_assignment(message))
        if not isinstance(result, Stored):
            raise BusAwayError(f"not known whether it was released; run this again to see: {result}")
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                while (known := await self.bound(event.id)).line < result.seq:
                    # No answer, as from a dispatcher that hangs, says nothing about the stored line.
                    if known.line not in {line, UNASSIGNED.line}:
                        return False
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise BusAwayError("not known whether it was released: no dispatcher has read it yet; look again") from None
        return True
