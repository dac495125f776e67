"""Whether a payment was settled before, asked of any replica and not of the leader of SETTLEMENTS.

Before an id is accepted it is looked up, since the server may have forgotten it. Were the leader asked for that, a POST
would have to wait for two elections where a node dies, and not for one. So any replica may answer that has got at least
as far as the leader had half a second ago. What that can miss was settled since then, and accepted so long ago that the
server no longer remembers it: its repetition is then answered as a payment accepted, and not as one repeated; before it
is sent the dispatcher asks the leader, and finds it settled.
"""

import asyncio
import logging

from services.bus.jetstream.api import ApiError
from services.bus.jetstream.lookup import last_as_of, last_for
from services.bus.jetstream.stored_message import StoredMessage  # noqa: TC001  # no second block of imports for one annotation
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects
from services.contracts.events import PaymentRefused, PaymentSettled
from services.contracts.store_errors import StoreUnavailableError
from services.records.settlements import SettlementRecords, settlement_of

ASK_EVERY_S = 0.5

log = logging.getLogger("tarifa.records")


class ReplicaLookup:
    """Looks payments up at any replica; where there is one only, at it, as ``SettlementRecords.newest`` does."""

    def __init__(self, bus: Bus, settlements: SettlementRecords) -> None:
        self._bus = bus
        self._settlements = settlements
        self._mark: StoredMessage | None = None  # the newest message, by the leader's last word; none is deleted

    async def run(self) -> None:
        """Ask the leader again and again how far it has got, until cancelled."""
        while self._bus.replicas > 1:
            try:
                self._mark = await last_for(self._bus, subjects.SETTLEMENTS, subjects.SETTLEMENTS_ALL)
            except (BusUnavailableError, ApiError) as error:
                # Without a leader nothing is stored either: its last answer still holds.
                log.debug("replica_lookup.not_asked", extra={"error": str(error)})
            await asyncio.sleep(ASK_EVERY_S)

    async def newest(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """Return the newest settlement of a payment.

        Raises:
            StoreUnavailableError: not known; UnreadableRecordError: and only a person can find out.
        """
        mark = self._mark
        if mark is None:
            return await self._settlements.newest(payment_id)
        try:
            found = await last_as_of(self._bus, subjects.SETTLEMENTS, [subjects.any_settlement(payment_id)], mark)
        except BusUnavailableError as error:
            raise StoreUnavailableError(str(error)) from error
        if found is None:  # that replica lags
            return await self._settlements.newest(payment_id)
        return settlement_of(found[-1]) if found else None
