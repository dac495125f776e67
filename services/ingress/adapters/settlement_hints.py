"""Settlements as they pass by on the bus: who listens hears one before it is stored, and may miss it."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from services.bus.wire.connection import Bus, BusAwayError
from services.contracts import subjects

log = logging.getLogger("tarifa.ingress")


class SettlementHints:
    """A plain subscription for each payment that somebody waits for, and while they do: no consumer, nothing to ack."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._calls: set[Callable[[], None]] = set()
        bus.on_reconnect(self._missed)

    @asynccontextmanager
    async def heard(self, payment_id: str, call: Callable[[], None]) -> AsyncIterator[None]:
        """Have ``call`` called for each settlement of this payment, and after each time that one may have been missed.

        What is asked of NATS after this was entered is answered after the server knows of the subscription.
        """
        try:
            subscription = await self._bus.subscribe(subjects.any_settlement(payment_id), lambda _: call())
        except BusAwayError as error:  # closed for good, which ends the process
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
