"""The tasks of payments under way; where one fails by a bug, its payment is redelivered."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from services.dispatcher.core.counters import Counters
from services.dispatcher.core.in_hand import InHand
from services.dispatcher.core.traffic import Traffic

log = logging.getLogger("tarifa.dispatcher")


class PaymentTasks:
    """Runs one task for each payment under way, and calls the scheduler when one ends."""

    def __init__(self, traffic: Traffic, counters: Counters) -> None:
        self._traffic = traffic
        self._counters = counters
        self._tasks: dict[asyncio.Task[None], InHand | None] = {}
        self._wake: Callable[[], None] = lambda: None

    def on_end(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` after each that ends or reports a change: another may start in its place."""
        self._wake = wake

    def changed(self) -> None:
        """Report a change within a task: a slot is free, or a payment waits again."""
        self._wake()

    def begin(self, work: Coroutine[Any, Any, None], payment: InHand | None = None) -> None:
        """Begin one, for a payment in hand if there is one."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = payment
        task.add_done_callback(self._ended)

    def payments(self) -> set[InHand]:
        """Return the payments in hand that have a task under way."""
        return {payment for payment in self._tasks.values() if payment is not None}

    async def finish(self, within_s: float) -> None:
        """Wait until all have ended, including those that they begin."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + within_s
        while self._tasks and (left_s := until_s - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s)

    def _ended(self, task: asyncio.Task[None]) -> None:
        payment = self._tasks.pop(task)
        self._wake()
        if task.cancelled() or task.exception() is None:
            return
        # A bug. Unacked and no longer in hand, the payment is redelivered, as one that another process had in hand.
        log.critical("payment.failed", exc_info=task.exception(), extra=payment.log_fields if payment else {"id": None})
        self._counters.count("bug")
        if payment is not None:
            self._traffic.drop_failed(payment)
