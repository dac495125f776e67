"""All that SETTLEMENTS holds of one payment: settled, refused and released, each with when it was stored."""

from datetime import datetime
from typing import NamedTuple

from services.bus.jetstream.api import ApiError
from services.bus.jetstream.lookup import first_from, last_for, last_for_each
from services.bus.jetstream.stored_message import StoredMessage
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.events import NotAnEventError, PaymentReleased, Settlement, decode_settlement
from services.contracts.store_errors import StoreUnavailableError, UnreadableRecordError

RELEASES_MAX = 20  # of one payment that are looked up


class RecordedEvent(NamedTuple):
    """One event, and when it was stored, by the server's clock."""

    event: Settlement
    stored_at: datetime


async def history_of(bus: Bus, payment_id: str) -> list[RecordedEvent]:
    """Return the events of one payment in the order of the stream: its releases, else the last by processor and kind.

    Raises:
        StoreUnavailableError: not known; UnreadableRecordError: and only a person can find out.
    """
    released = subjects.released(payment_id)
    try:
        found = await last_for_each(bus, subjects.SETTLEMENTS, [subjects.any_settlement(payment_id), released])
        if any(message.subject == released for message in found):
            found = [message for message in found if message.subject != released] + await _releases(bus, released)
    except (BusUnavailableError, ApiError) as error:
        raise StoreUnavailableError(str(error)) from error
    return [_recorded(message) for message in sorted(found, key=lambda message: message.seq)]


async def releases_of(bus: Bus, payment_id: str) -> tuple[PaymentReleased, ...]:
    """Return the recorded releases of one payment, oldest first: the first RELEASES_MAX, and the newest.

    Raises:
        BusUnavailableError: not known; UnreadableRecordError: and only a person can find out.
    """
    subject = subjects.released(payment_id)
    newest = await last_for(bus, subjects.SETTLEMENTS, subject)
    if newest is None:
        return ()
    found = await _releases(bus, subject)
    if not found or newest.seq > found[-1].seq:
        found.append(newest)
    return tuple([_release(message) for message in found])


async def _releases(bus: Bus, subject: str) -> list[StoredMessage]:
    found: list[StoredMessage] = []
    while len(found) < RELEASES_MAX:
        message = await first_from(bus, subjects.SETTLEMENTS, found[-1].seq + 1 if found else 1, subject)
        if message is None:
            break
        found.append(message)
    return found


def _release(message: StoredMessage) -> PaymentReleased:
    event = _recorded(message).event
    if not isinstance(event, PaymentReleased):
        what = f"a {type(event).__name__}, which its subject does not allow"
        raise UnreadableRecordError(subjects.SETTLEMENTS, message.seq, what)
    return event


def _recorded(message: StoredMessage) -> RecordedEvent:
    try:
        return RecordedEvent(decode_settlement(message.data), message.stored_at)
    except NotAnEventError as error:
        raise UnreadableRecordError(subjects.SETTLEMENTS, message.seq, str(error)) from error
