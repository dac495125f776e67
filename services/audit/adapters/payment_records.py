"""One payment in PAYMENTS, SETTLEMENTS and the bindings bucket, and the two writes of a release."""

from services.audit.core.releasing import Bound
from services.bus import api
from services.bus.connection import Bus, BusAwayError
from services.bus.lookup import last_for
from services.bus.publish import Conflict, Stored, store
from services.contracts import subjects
from services.contracts.events import (
    PaymentAccepted,
    PaymentRefused,
    PaymentReleased,
    PaymentSettled,
    decode_accepted,
    decode_settlement,
    encode,
)

_BUCKET = f"KV_{subjects.BINDINGS}"


class PaymentRecords:
    """Keeps the port ``Records`` of Releasing; ``cheapest`` is the home where no dispatcher has ever written one."""

    def __init__(self, bus: Bus, *, cheapest: str) -> None:
        self._bus = bus
        self._cheapest = cheapest

    async def accepted(self, payment_id: str) -> PaymentAccepted | None:
        """Return it as it waits in PAYMENTS."""
        found = await last_for(self._bus, subjects.PAYMENTS, subjects.accepted(payment_id))
        return None if found is None else decode_accepted(found.data)

    async def settlement(self, payment_id: str) -> PaymentSettled | PaymentRefused | None:
        """Return its newest settlement."""
        found = await last_for(self._bus, subjects.SETTLEMENTS, subjects.any_settlement(payment_id))
        event = None if found is None else decode_settlement(found.data)
        return event if isinstance(event, PaymentSettled | PaymentRefused) else None

    async def bound(self, payment_id: str) -> Bound:
        """Return the processor of its entry, or the home."""
        found = await last_for(self._bus, _BUCKET, _key(payment_id))
        return Bound(await self._home(), 0) if found is None else Bound(found.data.decode(), found.seq)

    async def write_down(self, event: PaymentReleased) -> None:
        """Store the event."""
        result = await store(self._bus, subjects.SETTLEMENTS, subjects.released(event.id), encode(event))
        if not isinstance(result, Stored):
            raise BusAwayError(f"the release could not be written down, and nothing was released: {result}")

    async def bind(self, payment_id: str, processor: str, revision: int) -> bool:
        """Write its entry by compare-and-set."""
        result = await store(self._bus, _BUCKET, _key(payment_id), processor.encode(), expected_last=revision)
        match result:
            case Stored():
                return True
            case Conflict():
                return False
            case _:
                raise BusAwayError(f"not known whether it was released; run this again to see: {result}")

    async def _home(self) -> str:
        # As the dispatchers wrote it: it may have been cheapest only while these payments were accepted.
        info = await api.call(self._bus, f"STREAM.INFO.{subjects.PAYMENTS}")
        return str(info["config"].get("metadata", {}).get("home", self._cheapest))


def _key(payment_id: str) -> str:
    return f"$KV.{subjects.BINDINGS}.{payment_id}"
