"""The stories under way: each is a task of its own, and one that breaks off by a bug has its payment come again."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from services.dispatcher.core.in_hand import InHand
from services.dispatcher.core.tally import Tally
from services.dispatcher.core.traffic import Traffic

log = logging.getLogger("tarifa.dispatcher")


class Stories:
    """Runs them; ``count`` is how many there are."""

    def __init__(self, traffic: Traffic, tally: Tally) -> None:
        self._traffic = traffic
        self._tally = tally
        self._tasks: dict[asyncio.Task[None], InHand | None] = {}
        self._turn: Callable[[], None] = lambda: None

    def on_end(self, turn: Callable[[], None]) -> None:
        """Have ``turn`` called after each that ends, or says that something changed: another may start in its place."""
        self._turn = turn

    def changed(self) -> None:
        """Something changed within a story: a slot is free, or a payment waits again."""
        self._turn()

    def begin(self, story: Coroutine[Any, Any, None], payment: InHand | None = None) -> None:
        """Begin one, about a payment in hand if it has one."""
        task = asyncio.get_running_loop().create_task(story)
        self._tasks[task] = payment
        task.add_done_callback(self._ended)

    def payments(self) -> set[InHand]:
        """Return the payments in hand about which one is under way."""
        return {payment for payment in self._tasks.values() if payment is not None}

    async def finish(self, within_s: float) -> None:
        """Wait until all have ended, those too that these begin."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + within_s
        while self._tasks and (left_s := until_s - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s)

    def _ended(self, task: asyncio.Task[None]) -> None:
        payment = self._tasks.pop(task)
        self._turn()
        if task.cancelled() or task.exception() is None:
            return
        # A bug. Unacked and no longer in hand, the payment comes again, as one that was in other hands.
        log.critical("payment.failed", exc_info=task.exception(), extra=payment.log_fields if payment else {"id": None})
        self._tally.happened("bug")
        if payment is not None:
            self._traffic.forget(payment)
