"""SETTLEMENTS, looked up by payment and written."""

import logging
from collections.abc import Mapping, Sequence

from services.bus.jetstream.api import ApiError
from services.bus.jetstream.lookup import last_for, last_for_each
from services.bus.jetstream.publish import StoredAt, store
from services.bus.jetstream.stored_message import StoredMessage
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.events import (
    NotAnEventError,
    PaymentRefused,
    PaymentSettled,
    decode_settlement,
    encode,
)
from services.contracts.store_errors import StoreUnavailableError, UnreadableRecordError

# No client waits for a settlement; several in one write wake the server once.
STORE_WITHIN_S = 0.01

log = logging.getLogger("tarifa.records")


class SettlementRecords:
    """SETTLEMENTS, read and written by payment: what was booked or refused."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._are_stored = True
        self.last_seq = 0  # the largest sequence that a PubAck gave

    async def find(self, payment_ids: Sequence[str]) -> Mapping[str, PaymentSettled | PaymentRefused]:
        """Return what is stored of these payments now; of two of one payment a booking, else the newer one."""
        try:
            messages = await last_for_each(
                self._bus, subjects.SETTLEMENTS, [subjects.any_settlement(each) for each in payment_ids]
            )
        except (BusUnavailableError, ApiError) as error:
            raise StoreUnavailableError(str(error)) from error
        found: dict[str, PaymentSettled | PaymentRefused] = {}
        for message in sorted(messages, key=lambda each: each.seq):
            try:
                event = settlement_of(message)
            except UnreadableRecordError as error:
                fields = {"seq": error.seq, "error": error.reason}
                log.error("settlement.unreadable", extra=fields)  # noqa: TRY400  # no bug of ours
                raise
            if isinstance(event, PaymentSettled) or event.id not in found:
                found[event.id] = event
        return found

    async def newest(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """Return the newest settlement of one payment: a single message each way, where ``find`` has two for an answer.

        Raises:
            StoreUnavailableError: not known; UnreadableRecordError: and only a person can find out.
        """
        try:
            message = await last_for(self._bus, subjects.SETTLEMENTS, subjects.any_settlement(payment_id))
        except BusUnavailableError as error:
            raise StoreUnavailableError(str(error)) from error
        return None if message is None else settlement_of(message)

    async def store(self, event: PaymentSettled | PaymentRefused) -> bool:
        """Store a settlement; return whether it is stored now."""
        kind = subjects.settled if isinstance(event, PaymentSettled) else subjects.refused
        subject = kind(event.processor, event.id)
        result = await store(self._bus, subjects.SETTLEMENTS, subject, encode(event), within_s=STORE_WITHIN_S)
        is_stored = isinstance(result, StoredAt)
        if isinstance(result, StoredAt):
            self.last_seq = max(self.last_seq, result.seq)
        if is_stored != self._are_stored:
            # Said when it begins and when it ends; every payment in hand tries again in between.
            level = logging.INFO if is_stored else logging.ERROR
            log.log(
                level, "settlements.stored" if is_stored else "settlements.not_stored", extra={"result": str(result)}
            )
            self._are_stored = is_stored
        return is_stored


def settlement_of(message: StoredMessage) -> PaymentSettled | PaymentRefused:
    """Read a message of a settled or refused payment.

    Raises:
        UnreadableRecordError: it is none, and only a person can find out why.
    """
    try:
        event = decode_settlement(message.data)
    except NotAnEventError as error:
        raise UnreadableRecordError(subjects.SETTLEMENTS, message.seq, str(error)) from error
    if not isinstance(event, PaymentSettled | PaymentRefused):
        what = f"a {type(event).__name__}, which its subject does not allow"
        raise UnreadableRecordError(subjects.SETTLEMENTS, message.seq, what)
    return event
