"""SETTLEMENTS read from a message on: each message is passed on as an event, or as the reason why it is not one."""

import logging
from collections.abc import Callable

from services.bus.jetstream.follower import Follower
from services.bus.jetstream.work_queue import Delivery
from services.bus.wire.connection import Bus
from services.contracts.events import NotAnEventError, PaymentRefused, PaymentSettled, Settlement, decode_settlement
from services.contracts.subjects import SETTLEMENTS, SETTLEMENTS_ALL
from services.ledger.core.book import CENTS_MAX
from services.ledger.core.integrity import Integrity
from services.ledger.core.snapshot import Position, fingerprint

log = logging.getLogger("tarifa.ledger")


class SettlementStream:
    """The port ``SettlementStream`` of the flow.

    Args:
        bus: the connection.
        integrity: receives each message first.
        record: called with each event and its sequence.
        skip: called with the sequence of each message that is not an event, and why.
    """

    def __init__(
        self,
        bus: Bus,
        integrity: Integrity,
        record: Callable[[Settlement, int], None],
        skip: Callable[[int, str], None],
    ) -> None:
        self._bus = bus
        self._integrity = integrity
        bus.on_reconnect(integrity.reconnected)
        self._record = record
        self._skip = skip
        self._follower = Follower(bus, SETTLEMENTS, SETTLEMENTS_ALL, self._take)
        self._last: Delivery | None = None

    @property
    def applied_seq(self) -> int:
        """The sequence of the last message passed on."""
        return self._follower.applied_seq

    def resume_after(self, seq: int) -> None:
        """Start after a sequence; call it before ``run``."""
        self._follower.applied_seq = seq

    def position(self) -> Position | None:
        """Return the last message passed on; None before the first one of this run."""
        last = self._last
        return last and Position(last.seq, fingerprint(last.subject, last.data))

    @property
    def is_current(self) -> bool:
        """Whether everything stored when the connection was last made was passed on, and none of it is missing."""
        is_read = self._follower.is_caught_up and self._bus.is_connected
        return is_read and self._integrity.is_whole(self._follower.applied_seq)

    async def caught_up(self) -> None:
        """Wait until everything stored was passed on."""
        await self._follower.caught_up()

    async def run(self) -> None:
        """Read until cancelled; an exception of ``record`` or ``skip`` ends it."""
        await self._follower.run()

    def _take(self, delivery: Delivery) -> None:
        before = self._follower.applied_seq
        if self._integrity.counted(before, delivery.seq, delivery.data):
            log.error("ledger.settlements_missing", extra={"first": before + 1, "last": delivery.seq - 1})
        try:
            event = _event(delivery.data)
        except NotAnEventError as error:
            self._skip(delivery.seq, str(error))
        else:
            self._record(event, delivery.seq)
        self._last = delivery


def _event(data: bytes) -> Settlement:
    event = decode_settlement(data)
    if isinstance(event, PaymentSettled | PaymentRefused) and event.amount_cents > CENTS_MAX:
        raise NotAnEventError(f"amountCents {event.amount_cents} is more than any processor could book")
    return event
