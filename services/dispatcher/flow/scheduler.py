"""When the next call starts and the next payment is fetched: whenever something changed, and periodically.

Fetches no more than can be in flight: what must wait stays in the stream.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import assert_never

from services.contracts.stamp import micros_of
from services.contracts.store_errors import StoreUnavailableError
from services.dispatcher.core.in_hand import Start
from services.dispatcher.core.traffic import Traffic
from services.dispatcher.flow.ports import Clock, Source

TICK_BUSY_S = 0.02
TICK_IDLE_S = 0.1
LOOK_EVERY_MS = 1_000.0
# Between the end of a pull and the next one: what arrives meanwhile is delivered together, in one write. Longer if none
# waits: each payment is fetched sooner or later anyway, and a wake-up costs more CPU than the payment.
REST_MS = 50.0
REST_WITH_BACKLOG_MS = 15.0

log = logging.getLogger("tarifa.dispatcher")


class Scheduler:
    """Starts calls through ``start`` and fetches through ``source``, as ``traffic`` allows."""

    def __init__(self, traffic: Traffic, source: Source, clock: Clock, start: Callable[[Start], None]) -> None:
        self._traffic = traffic
        self._source = source
        self._clock = clock
        self._start = start
        self._is_woken = False
        self._is_asking = False
        self._rests_until_ms = 0.0
        self._stopped = False
        self._logged: dict[str, str] = {}  # by processor, the state that was logged last

    def wake(self) -> None:
        """Something changed: start and fetch in the next turn of the loop, once for everything that changed before."""
        if not self._is_woken and not self._stopped:
            self._is_woken = True
            asyncio.get_running_loop().call_soon(self._start_and_fetch)

    def stop(self) -> None:
        """Start nothing and fetch nothing from here on."""
        self._stopped = True

    async def run(self) -> None:
        """Wake it periodically too, and read what waits, until cancelled."""
        looked_ms = 0.0
        while True:
            self.wake()
            busy = self._traffic.waiting or self._traffic.backlog
            await asyncio.sleep(TICK_BUSY_S if busy else TICK_IDLE_S)
            now_ms = self._clock.now_ms()
            if now_ms - looked_ms >= LOOK_EVERY_MS:
                looked_ms = now_ms
                self._log_conditions(now_ms)
                await self._look()

    async def keep_in_hand(self, ack_wait_s: float) -> None:
        """Report to the server, well within ack_wait, that what is in hand is still processed; until cancelled."""
        while True:
            before = set(self._traffic.in_hand)
            await asyncio.sleep(ack_wait_s / 3)
            for payment in [held for held in self._traffic.in_hand.values() if held.id in before]:
                for handle in payment.handles.values():
                    await self._source.in_progress(handle)

    def _log_conditions(self, now_ms: float) -> None:
        for name, seen in self._traffic.known_processors(now_ms).items():
            condition = seen.condition
            if condition.state == self._logged.get(name, "serving"):
                continue
            self._logged[name] = condition.state
            match condition.state:
                case "failing":
                    log.warning("processor.failing", extra={"processor": name})
                case "serving":
                    log.info("processor.serving", extra={"processor": name})
                case never:
                    assert_never(never)

    async def _look(self) -> None:
        try:
            head = await self._source.head(self._clock.now_ms(), micros_of(self._clock.stamp()))
        except StoreUnavailableError as error:
            log.debug("scheduler.head_unknown", extra={"error": str(error)})
            return
        self._traffic.backlog = head.backlog
        self._traffic.head_stored_ms = head.stored_ms

    def _start_and_fetch(self) -> None:
        self._is_woken = False
        if self._stopped:
            return
        now_ms = self._clock.now_ms()
        for start in self._traffic.starts(now_ms):
            self._start(start)
        if self._source.outstanding:
            return
        if self._is_asking:
            self._is_asking = False
            rest_ms = REST_WITH_BACKLOG_MS if self._traffic.backlog else REST_MS
            self._rests_until_ms = now_ms + rest_ms
            asyncio.get_running_loop().call_later(rest_ms / 1000, self.wake)
        if now_ms >= self._rests_until_ms and (wanted := self._traffic.fetchable(now_ms)) > 0:
            self._is_asking = True  # it may have ended before the next time
            self._source.pull(wanted)
