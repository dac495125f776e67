"""The sources of a list of payments: PAYMENTS, message by message, and SETTLEMENTS, some hundreds at a time."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.bus.jetstream.api import ApiError
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts.store_errors import StoreUnavailableError, UnreadableRecordError
from services.ingress.core.answers import Standing
from services.ingress.core.listing import ListRow, SettledStretch, WaitingPayment
from services.records.payments import PaymentRecords
from services.records.settled import SettledReader


class ListedPayments:
    """Implements the port ``WaitingPayments``: asks the leader for one message at a time, which consumes nothing.

    One that cannot be read is skipped: it is in the dispatchers' log, and a request for its id reports it.
    """

    def __init__(self, bus: Bus) -> None:
        self._records = PaymentRecords(bus)

    async def first_from(self, seq: int) -> WaitingPayment | None:
        """Return the first that waits at or after a sequence."""
        while True:
            try:
                found = await self._records.first_from(seq)
            except UnreadableRecordError as error:
                seq = error.seq + 1
            else:
                break
        if found is None:
            return None
        return WaitingPayment(Standing(found.event), found.seq)


class ListedSettlements:
    """Implements the port ``SettledPayments``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def first_since(self, moment: datetime) -> int:
        """Return the first sequence that was stored at or after a moment."""
        try:
            return await (await SettledReader.open(self._bus)).since(moment)
        except (BusUnavailableError, ApiError) as error:
            raise StoreUnavailableError(str(error)) from error

    async def read(self, first: int, count: int) -> SettledStretch:
        """Return the settlements among at most ``count`` messages from a sequence on."""
        try:
            reader = await SettledReader.open(self._bus)
            if first > reader.last_seq:
                return SettledStretch((), None)
            stretch = await reader.read(first, count)
        except (BusUnavailableError, ApiError) as error:
            raise StoreUnavailableError(str(error)) from error
        rows = tuple((row.seq, ListRow(Standing(row.event), row.is_counted)) for row in stretch.rows)
        return SettledStretch(rows, stretch.next_seq if stretch.next_seq <= reader.last_seq else None)

    async def counted(self, rows: Sequence[tuple[int, ListRow]]) -> list[ListRow]:
        """Return the rows; of two settlements of one payment only the first is marked as counted."""
        try:
            reader = await SettledReader.open(self._bus)
            are_first = await asyncio.gather(*[reader.is_first(seq, row.payment.payment_id) for seq, row in rows])
        except (BusUnavailableError, ApiError) as error:
            raise StoreUnavailableError(str(error)) from error
        return [
            replace(row, is_counted=row.is_counted and is_first)
            for (_, row), is_first in zip(rows, are_first, strict=True)
        ]
