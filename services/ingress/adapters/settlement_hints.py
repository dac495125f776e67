"""Settlements as they are published on the bus: a subscriber gets one before it is stored, and may miss it."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from services.bus.wire.connection import Bus, BusUnavailableError
from services.contracts import subjects

log = logging.getLogger("tarifa.ingress")


class SettlementHints:
    """A plain subscription for each payment that a request waits for, while it waits: no consumer, nothing to ack."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._calls: set[Callable[[], None]] = set()
        bus.on_reconnect(self._missed)

    @asynccontextmanager
    async def listening(self, payment_id: str, call: Callable[[], None]) -> AsyncIterator[None]:
        """Call ``call`` for each settlement of this payment, and whenever one may have been missed.

        Requests to NATS that are sent within are answered after the server knows of the subscription.
        """
        try:
            subscription = await self._bus.subscribe(subjects.any_settlement(payment_id), lambda _: call())
        except BusUnavailableError as error:  # closed for good, which ends the process
            log.debug("settlements.not_heard", extra={"error": str(error)})
            yield
            return
        self._calls.add(call)
        try:
            yield
        finally:
            self._calls.discard(call)
            await self._bus.unsubscribe(subscription)

    def _missed(self) -> None:
        for call in self._calls:
            call()
