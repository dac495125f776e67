"""SETTLEMENTS as it is stored now: the server's counts, and its messages read again."""

from services.bus.jetstream import api
from services.bus.jetstream.lookup import first_from
from services.bus.jetstream.read_range import read_range
from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts.store_errors import StoreUnavailableError
from services.contracts.subjects import SETTLEMENTS, SETTLEMENTS_ALL
from services.ledger.core.integrity import Extent
from services.ledger.core.snapshot import Position, fingerprint


class StoredSettlements:
    """The port ``StoredSettlements`` of the flow."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def extent(self) -> Extent:
        """Return the server's counts."""
        try:
            info = await api.call(self._bus, f"STREAM.INFO.{SETTLEMENTS}")
        except (BusUnavailableError, api.ApiError) as error:
            raise StoreUnavailableError(str(error)) from error
        state = info["state"]
        return Extent(str(info["created"]), int(state["messages"]), int(state["last_seq"]))

    async def is_there(self, position: Position) -> bool | None:
        """Return whether a message is still stored; None: another message has its sequence."""
        try:
            message = await first_from(self._bus, SETTLEMENTS, position.seq, SETTLEMENTS_ALL)
        except BusUnavailableError as error:
            raise StoreUnavailableError(str(error)) from error
        if message is None or message.seq != position.seq:
            return False
        return True if fingerprint(message.subject, message.data) == position.fingerprint else None

    async def read(self, first: int, count: int) -> list[tuple[int, bytes]]:
        """Return sequence and data of at most ``count`` messages from a sequence on; none: there are no more."""
        try:
            found = await read_range(self._bus, SETTLEMENTS, first, count)
        except BusUnavailableError as error:
            raise StoreUnavailableError(str(error)) from error
        return [(message.seq, message.data) for message in found]
