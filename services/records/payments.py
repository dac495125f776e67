"""PAYMENTS, looked up by payment."""

from typing import NamedTuple

from services.bus.jetstream.lookup import first_of_leader, last_of_leader
from services.bus.jetstream.stored_message import StoredMessage
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects, traceparent
from services.contracts.events import NotAnEventError, PaymentAccepted, decode_accepted
from services.contracts.store_errors import StoreUnavailableError, UnreadableRecordError


class AcceptedRecord(NamedTuple):
    """A payment as PAYMENTS holds it, at a sequence, with the traceparent that it came with."""

    event: PaymentAccepted
    seq: int
    traceparent: str | None = None


class PaymentRecords:
    """PAYMENTS, read by payment without consuming: what is accepted and not settled yet."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def find(self, payment_id: str) -> AcceptedRecord | None:
        """Return it as it waits; None: it never came, or has left.

        Raises:
            StoreUnavailableError: not known; UnreadableRecordError: and only a person can find out.
        """
        try:
            found = await last_of_leader(self._bus, subjects.PAYMENTS, subjects.accepted(payment_id))
        except BusUnavailableError as error:
            raise StoreUnavailableError(str(error)) from error
        return None if found is None else _record_of(found)

    async def first_from(self, seq: int) -> AcceptedRecord | None:
        """Return the first that waits at or behind a sequence; None: there is none. Nothing is consumed.

        Raises:
            StoreUnavailableError: not known; UnreadableRecordError: and only a person can find out.
        """
        try:
            found = await first_of_leader(self._bus, subjects.PAYMENTS, seq, subjects.PAYMENTS_ALL)
        except BusUnavailableError as error:
            raise StoreUnavailableError(str(error)) from error
        return None if found is None else _record_of(found)


def _record_of(found: StoredMessage) -> AcceptedRecord:
    try:
        event = decode_accepted(found.data)
    except NotAnEventError as error:
        raise UnreadableRecordError(subjects.PAYMENTS, found.seq, str(error)) from error
    header = found.headers.get(traceparent.NAME)
    return AcceptedRecord(event, found.seq, header and traceparent.read_traceparent([header]))
