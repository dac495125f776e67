"""PAYMENTS, looked up by payment."""

from typing import NamedTuple

from services.bus.connection import Bus, BusAwayError
from services.bus.lookup import last_of_leader
from services.contracts import subjects
from services.contracts.away import AwayError, UnreadableRecordError
from services.contracts.events import NotAnEventError, PaymentAccepted, decode_accepted


class AcceptedRecord(NamedTuple):
    """A payment as PAYMENTS holds it, at a sequence."""

    event: PaymentAccepted
    seq: int


class PaymentRecords:
    """What is accepted and waits to be settled."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def find(self, payment_id: str) -> AcceptedRecord | None:
        """Return it as it waits; None: it never came, or has left.

        Raises:
            AwayError: not known; UnreadableRecordError: and only a person can find out.
        """
        try:
            found = await last_of_leader(self._bus, subjects.PAYMENTS, subjects.accepted(payment_id))
        except BusAwayError as error:
            raise AwayError(str(error)) from error
        if found is None:
            return None
        try:
            return AcceptedRecord(decode_accepted(found.data), found.seq)
        except NotAnEventError as error:
            raise UnreadableRecordError(subjects.PAYMENTS, found.seq, str(error)) from error
