"""A lease: at most one holder at a time, by compare-and-set on a key that expires when it is not renewed.

Not a lock: a holder that was frozen learns only at its next ``hold`` that it has lost it. Good enough to avoid double
work (one health poller), never for money.
"""

from services.bus.jetstream.lookup import last_for
from services.bus.jetstream.publish import Conflict, StoredAt, store
from services.bus.wire.connection import Bus


class Lease:
    """One key of the leases bucket; ``me`` is its value, for operators."""

    def __init__(self, bus: Bus, bucket: str, key: str, me: str) -> None:
        self._bus = bus
        self._stream = f"KV_{bucket}"
        self._subject = f"$KV.{bucket}.{key}"
        self._me = me.encode()
        self._revision: int | None = None

    async def hold(self) -> bool:
        """Acquire or renew it; return whether it is held now. Call it well before the bucket's keys expire.

        Raises:
            BusUnavailableError: not known; act as if it is not held.
        """
        if self._revision is None and await last_for(self._bus, self._stream, self._subject) is not None:
            return False
        result = await store(self._bus, self._stream, self._subject, self._me, expected_last=self._revision or 0)
        match result:
            case StoredAt(seq):
                self._revision = seq
            case Conflict():
                self._revision = None
            case _:
                pass
        return isinstance(result, StoredAt)
