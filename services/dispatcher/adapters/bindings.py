"""The bindings bucket: which processor a payment may be sent to, where that is not the home."""

import asyncio

from services.bus.connection import Bus, BusAwayError
from services.bus.follow import Follower
from services.bus.lookup import first_from, last_for, stream_state
from services.bus.publish import Conflict, Stored, store
from services.bus.work_queue import Delivery
from services.contracts import subjects
from services.dispatcher.core.binding import BoundTo

_STREAM = f"KV_{subjects.BINDINGS}"
_CAUGHT_UP_CHECK_S = 0.05


class Bindings:
    """The bindings bucket, and the ids in it: followed, so that a fresh payment needs no look-up.

    Entries are few (moved or taken over), and stay for ever, since an id may be accepted anew.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._ids: set[str] = set()
        self._follower = Follower(bus, _STREAM, f"$KV.{subjects.BINDINGS}.>", self._apply)

    def __contains__(self, payment_id: str) -> bool:
        return payment_id in self._ids

    async def run(self) -> None:
        """Follow the bucket until cancelled."""
        await self._follower.run()

    async def caught_up(self) -> None:
        """Wait until every entry there is now has been seen.

        Raises:
            BusAwayError: cannot be told.
        """
        pattern = f"$KV.{subjects.BINDINGS}.>"
        target = await stream_state(self._bus, _STREAM)
        while self._follower.applied_seq < target.last_seq:
            newer = await first_from(self._bus, _STREAM, self._follower.applied_seq + 1, pattern)
            if newer is None:
                return
            await asyncio.sleep(_CAUGHT_UP_CHECK_S)

    async def find(self, payment_id: str) -> BoundTo | None:
        """Return the entry. Raises BusAwayError."""
        message = await last_for(self._bus, _STREAM, _key(payment_id))
        return None if message is None else BoundTo(message.data.decode(), message.seq)

    async def write(self, payment_id: str, processor: str, revision: int) -> int | None:
        """Write by compare-and-set; return the new revision, None on a conflict. Raises BusAwayError in doubt."""
        result = await store(self._bus, _STREAM, _key(payment_id), processor.encode(), expected_last=revision)
        match result:
            case Stored(seq):
                self._ids.add(payment_id)
                return seq
            case Conflict():
                return None
            case _:
                raise BusAwayError(f"binding not written: {result}")

    def _apply(self, delivery: Delivery) -> None:
        self._ids.add(delivery.subject.rpartition(".")[2])


def _key(payment_id: str) -> str:
    return f"$KV.{subjects.BINDINGS}.{payment_id}"
