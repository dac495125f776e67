"""One payment in PAYMENTS and SETTLEMENTS, and at the dispatcher that has it in hand; the two writes of a release."""

import logging
from collections.abc import Callable

from services.bus.jetstream.publish import Conflict, NotAllowed, StoredAt, StreamFull, store, why_not_stored
from services.bus.micro.ask_all import ask_all
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import holding, subjects
from services.contracts.assignments import AssignmentReleased, encode_assignment
from services.contracts.events import (
    NotAnEventError,
    PaymentAccepted,
    PaymentRefused,
    PaymentReleased,
    PaymentSettled,
    encode,
)
from services.contracts.holding import Holding, HoldingAsked
from services.contracts.operating import ListedProcessor, listed
from services.contracts.processor_entry import generations_in
from services.dispatcher.core.releasing import NotStoredError
from services.records.history import releases_of
from services.records.payments import PaymentRecords
from services.records.processors import ProcessorBucket, entries_of
from services.records.settlements import SettlementRecords

ASK_WITHIN_S = 1.0  # one that has it in hand answers at once, one that has not a tenth of a second later

log = logging.getLogger("tarifa.dispatcher")


class ReleaseRecords:
    """Implements the port ``ReleaseRecords``; each method may raise StoreUnavailableError or BusUnavailableError.

    ``is_gone``: whether a process, named as in its lines, has sent no pulse for a while.
    """

    def __init__(self, bus: Bus, is_gone: Callable[[str], bool]) -> None:
        self._bus = bus
        self._is_gone = is_gone
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

    async def is_in_doubt(self, payment_id: str, owner: str) -> bool | None:
        """Return False only if that process has it in hand and knows the outcome of each attempt; None: not known.

        Others answer too, by the log, which does not show the outcomes. A process that is gone has forgotten them.
        """
        known = await self._asked(payment_id, owner)
        if known is None:
            return True if self._is_gone(owner) else None
        return not known.in_hand or known.in_doubt

    async def processors(self) -> tuple[ListedProcessor, ...]:
        """Return the processors that charge, as in the bucket now."""
        return tuple(map(listed, generations_in(entries_of(await self._bucket.read()))))

    async def record_event(self, event: PaymentReleased) -> None:
        """Store the event."""
        result = await store(self._bus, subjects.SETTLEMENTS, subjects.released(event.id), encode(event))
        if not isinstance(result, StoredAt):
            raise NotStoredError(f"it could not be recorded in SETTLEMENTS: {why_not_stored(result)}")

    async def write_line(self, line: AssignmentReleased) -> int:
        """Store the line, and return its sequence."""
        result = await store(self._bus, subjects.ASSIGNMENTS, subjects.RELEASED, encode_assignment(line))
        match result:
            case StoredAt(at):
                return at
            case StreamFull() | Conflict() | NotAllowed():
                raise NotStoredError(f"its line could not be written to ASSIGNMENTS: {why_not_stored(result)}")
            case _:
                raise BusUnavailableError(f"not known whether its line is stored: {why_not_stored(result)}")

    async def _asked(self, payment_id: str, owner: str) -> Holding | None:
        """Return the answer of one dispatcher; None: it does not know of it, or does not answer."""
        answers: list[Holding] = []

        def take(data: bytes) -> bool:
            try:
                answer = holding.decode_holding(data)
            except NotAnEventError as error:
                log.warning("dispatcher.unreadable", extra={"error": str(error)})
                return False
            if answer.by == owner:
                answers.append(answer)
            return bool(answers)

        request = holding.encode(HoldingAsked(payment_id))
        await ask_all(self._bus, subjects.DISPATCHER_PAYMENT, request, ASK_WITHIN_S, take)
        return answers[0] if answers else None
